using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Faults;

/// <summary>
/// Notifier answers every frame that RFC 6455 forbids with the close code that the RFC requires, and accepts unusual but valid frames. The tests run at
/// <c>/ws</c> with both transports, and at the echo host, which conformance suites use and which must answer alike.
/// </summary>
public sealed class Rfc6455Tests(Rfc6455Tests.Servers servers) : IClassFixture<Rfc6455Tests.Servers>
{
    private const byte Continuation = 0;

    public static TheoryData<string> BrokenFrames { get; } = new(Rfc6455.All.Select(static broken => broken.What));

    [Theory]
    [MemberData(nameof(BrokenFrames))]
    public async Task An_invalid_frame_is_answered_with_its_close_code_and_leaves_nothing_behind(string what)
    {
        var broken = Rfc6455.All.Single(broken => broken.What == what);
        foreach (var app in servers.Apps)
        {
            var name = $"broken.{Guid.NewGuid():N}";
            await using var client = await RawWebSocket.SubscribeAsync(app, name);
            await servers.Redis.WhenChannelIsLiveAsync(app, name);

            await client.SendRawAsync(broken.Bytes);

            (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(broken.Code, app.Address.Scheme);
            await EndsAsync(client);
            await Eventually.IsAsync(() => app.Connections.Count == 0, "the connection is gone");
            await Eventually.IsAsync(() => { app.Hub.Sweep(); return app.Hub.NameCount == 0; }, "its name is removed");
            await Eventually.IsAsync(async () => await servers.Redis.SubscribersAsync(name) == 0, "Redis has no subscriber of the name");
        }
        await using var echoed = await RawWebSocket.ConnectAsync(servers.Echo);
        await echoed.SendRawAsync(broken.Bytes);
        (await echoed.ReadUntilCloseAsync()).CloseCode.Should().Be(broken.Code, "the echo host shows what /ws does");
        await EndsAsync(echoed);
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(1001)]
    [InlineData(1002)]
    [InlineData(1003)]
    [InlineData(1007)]
    [InlineData(1008)]
    [InlineData(1009)]
    [InlineData(1010)]
    [InlineData(1011)]
    [InlineData(1012)]
    [InlineData(1013)]
    [InlineData(1014)]
    [InlineData(3000)]
    [InlineData(3999)]
    [InlineData(4000)]
    [InlineData(4999)]
    public async Task A_valid_close_code_is_answered_with_the_same_code(int code)
    {
        foreach (var address in servers.Addresses)
        {
            await using var client = await RawWebSocket.ConnectAsync(address);

            await client.SendRawAsync(Rfc6455.Close((ushort)code, "bye ☺"u8.ToArray()));

            (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(code);
            (await client.ReadFrameAsync()).Should().BeNull("a closing handshake ends without a reset");
        }
    }

    /// <summary>.NET reads a header together with its mask, so it waits for more bytes. If the client sends none, Notifier aborts the connection after 35 s.</summary>
    [Fact]
    public async Task An_unmasked_frame_that_is_shorter_than_a_mask_is_rejected_once_more_bytes_arrive()
    {
        foreach (var address in servers.Addresses)
        {
            await using var client = await RawWebSocket.ConnectAsync(address);
            await client.SendRawAsync([0x81, 1, 65]);

            await client.SendRawAsync([0x81, 1, 66]);

            (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(1002);
        }
    }

    /// <summary>.NET does not distinguish a missing code from 1000, which the RFC allows.</summary>
    [Fact]
    public async Task A_close_without_a_code_is_answered_with_1000()
    {
        foreach (var address in servers.Addresses)
        {
            await using var client = await RawWebSocket.ConnectAsync(address);

            await client.SendAsync(Frame.CloseOpcode, []);

            (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(1000);
            (await client.ReadFrameAsync()).Should().BeNull();
        }
    }

    public static TheoryData<string, byte[]> Odd { get; } = new()
    {
        { "byte by byte", RawWebSocket.Masked(Frame.TextOpcode, "odd.κόσμε"u8.ToArray()) },
        { "in fragments that split characters", [.. Rfc6455.Fragment(Frame.TextOpcode, [.. "odd."u8, 0xCE]), .. Rfc6455.Fragment(Continuation, [0xBA, 0xCF]), .. RawWebSocket.Masked(Continuation, [0x8C, .. "σμε"u8])] },
        { "in fragments with pings and pongs between them", [.. Rfc6455.Fragment(Frame.TextOpcode, "odd.κ"u8), .. RawWebSocket.Masked(Frame.PongOpcode, [1]), .. Rfc6455.Fragment(Continuation, []), .. RawWebSocket.Masked(Frame.PongOpcode, new byte[125]), .. RawWebSocket.Masked(Continuation, "όσμε"u8.ToArray())] },
        { "after a pong that nobody asked for", [.. RawWebSocket.Masked(Frame.PongOpcode, "hello"u8.ToArray()), .. RawWebSocket.Masked(Frame.TextOpcode, "odd.κόσμε"u8.ToArray())] },
    };

    [Theory]
    [MemberData(nameof(Odd))]
    public async Task An_unusual_but_valid_sequence_of_frames_is_accepted(string how, byte[] bytes)
    {
        foreach (var app in servers.Apps)
        {
            await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());

            await SendAsync(client, how, bytes);

            await Eventually.IsAsync(() => app.Hub.CountSubscribers(Name.Channel("odd.κόσμε")) == 1, "the name is subscribed");
        }
        await using var echoed = await RawWebSocket.ConnectAsync(servers.Echo);
        await SendAsync(echoed, how, bytes);
        (await echoed.ReadTextAsync()).Should().Be("odd.κόσμε");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(125)]
    [InlineData(126)]
    [InlineData(65_535)]
    [InlineData(65_536)]
    [InlineData(4 * 1024 * 1024)]
    public async Task The_echo_host_returns_each_message_unchanged(int length)
    {
        var payload = Enumerable.Range(0, length).Select(n => (byte)n).ToArray();
        await using var client = await RawWebSocket.ConnectAsync(servers.Echo);

        await client.SendAsync(Frame.BinaryOpcode, payload);
        await client.SendTextAsync(new string('*', length));

        var binary = await client.ReadMessageAsync();
        (binary.Opcode, binary.Payload.AsSpan().SequenceEqual(payload)).Should().Be((Frame.BinaryOpcode, true));
        (await client.ReadTextAsync()).Length.Should().Be(length);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(125)]
    public async Task A_ping_is_answered_with_its_own_payload(int length)
    {
        var payload = Enumerable.Range(0, length).Select(n => (byte)(255 - n)).ToArray();
        foreach (var address in servers.Addresses)
        {
            await using var client = await RawWebSocket.ConnectAsync(address);

            await client.SendAsync(Frame.PingOpcode, payload);

            var pong = await client.ReadMessageAsync();
            pong.Opcode.Should().Be(Frame.PongOpcode);
            pong.Payload.Should().Equal(payload);
        }
    }

    private static async Task SendAsync(RawWebSocket client, string how, byte[] bytes)
    {
        foreach (var piece in how == "byte by byte" ? bytes.Chunk(1) : [bytes])
            await client.SendRawAsync(piece);
    }

    /// <summary>The server ends the TCP connection, with a reset if it has not read all bytes (7.1.1).</summary>
    private static async Task EndsAsync(RawWebSocket client)
    {
        try
        {
            (await client.ReadFrameAsync()).Should().BeNull();
        }
        catch (IOException error) when (error.InnerException is System.Net.Sockets.SocketException)
        {
            // The server reset the connection.
        }
    }

    /// <summary>All cases share these servers, because each case checks that it leaves nothing behind.</summary>
    public sealed class Servers : IAsyncLifetime
    {
        private Microsoft.AspNetCore.Builder.WebApplication echo = null!;

        internal RedisServer Redis { get; private set; } = null!;

        internal List<NotifierApp> Apps { get; } = [];

        internal Uri Echo => new UriBuilder(new Uri(echo.Urls.First())) { Scheme = "ws" }.Uri;

        internal IEnumerable<Uri> Addresses => [.. Apps.Select(static app => app.WebSocketAddress()), Echo];

        public async Task InitializeAsync()
        {
            Redis = await RedisServer.StartAsync();
            foreach (var listen in Enum.GetValues<Listen>())
                Apps.Add(await NotifierApp.StartAsync(Redis.Configuration, listen, settings: "Redis:Linger=00:00:00"));
            echo = EchoHost.Build(["--urls=http://127.0.0.1:0", "--Logging:LogLevel:Default=Warning"]);
            await echo.StartAsync();
        }

        public async Task DisposeAsync()
        {
            await echo.DisposeAsync();
            foreach (var app in Apps)
                await app.DisposeAsync();
            await Redis.DisposeAsync();
        }
    }
}
