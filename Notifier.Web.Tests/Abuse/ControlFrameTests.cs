using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>Frames that no session sees, because .NET answers or joins them itself: pings, pongs and fragments.</summary>
public sealed class ControlFrameTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Reason = "too many pings or small fragments";
    private const byte Continuation = 0;

    /// <summary>More than <c>Limits:FrameBytes</c> and the burst, and less than Notifier discards before it ends the connection.</summary>
    private const int Frames = 20_000;

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_client_that_sends_pings_without_end_is_closed_with_4529(Listen listen)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());

        var sending = client.SendRawAsync(Repeat(RawWebSocket.Masked(Frame.PingOpcode, []), Frames));

        var pongs = 0;
        var frame = await client.ReadMessageAsync();
        for (; frame.Opcode == Frame.PongOpcode; pongs++)
            frame = await client.ReadMessageAsync();
        await sending;
        (frame.CloseCode, frame.CloseText).Should().Be((4529, Reason));
        pongs.Should().BeLessThan(1_000);
        if (listen == Listen.Plain)
            AbuseTable.Add("WebSocket pings without end", "1,000 pongs, then 4529", $"{pongs} pongs");
    }

    [Fact]
    public async Task A_client_that_sends_pongs_without_end_is_closed_with_4529()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());

        await client.SendRawAsync(Repeat(RawWebSocket.Masked(Frame.PongOpcode, []), Frames));

        var close = await client.ReadUntilCloseAsync();
        (close.CloseCode, close.CloseText).Should().Be((4529, Reason));
    }

    [Fact]
    public async Task A_client_whose_commands_have_thousands_of_fragments_is_closed_with_4529()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        byte[] command =
        [
            .. RawWebSocket.Masked(Frame.TextOpcode, """{"type":"ping"}"""u8.ToArray(), final: false),
            .. Repeat(RawWebSocket.Masked(Continuation, " "u8.ToArray(), final: false), 4_000),
            .. RawWebSocket.Masked(Continuation, " "u8.ToArray()),
        ];

        await client.Socket.SendRawAsync(Repeat(command, 10));

        var close = await client.Socket.ReadUntilCloseAsync();
        (close.CloseCode, close.CloseText).Should().Be((4529, Reason));
    }

    [Theory]
    [InlineData(Frame.PingOpcode, 0)]
    [InlineData(Frame.PingOpcode, 5)]
    [InlineData(Frame.TextOpcode, 0)]
    [InlineData(Frame.TextOpcode, 100)]
    public async Task A_client_that_floods_after_its_close_is_disconnected_at_once(byte opcode, int payload)
    {
        // The clock stands still, so the limit of time for a close is not what ends the connection.
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, time: new FakeTimeProvider(DateTimeOffset.UtcNow));
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());
        await client.SendAsync(Frame.BinaryOpcode, [1]);
        (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(4400);

        try
        {
            var flood = Repeat(RawWebSocket.Masked(opcode, new byte[payload]), Frames);
            for (var n = 0; n < 100; n++)
                await client.SendRawAsync(flood);
        }
        catch (IOException)
        {
            // The connection has ended.
        }

        await Eventually.IsAsync(() => app.Connections.Count == 0, "the connection has ended");
    }

    [Theory]
    [InlineData(6, 25_000)]         // an answer to each of Notifier's pings
    [InlineData(131, 1_000)]        // the largest pong, each second
    [InlineData(6, 20)]             // 50 unsolicited pongs a second
    public void The_answers_to_pings_never_close_a_connection_however_long_it_lives(int bytes, int milliseconds)
    {
        var time = new FakeTimeProvider();
        var input = new ClientInput(time) { MessageBytes = 8 * 1024 };

        for (var n = 0; n < 100_000; n++)
        {
            input.TryCount(bytes).Should().BeTrue();
            time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        }
    }

    [Theory]
    [InlineData(0, 6, 1)]
    [InlineData(100, 6, 1)]
    [InlineData(125, 6, 60)]        // 7.5 KB, in fragments of a byte of overhead each
    [InlineData(8 * 1024, 8, 1)]
    [InlineData(4 * 1024, 8, 2)]
    public void Messages_never_close_a_connection_however_fast_they_come(int payload, int header, int fragments)
    {
        var time = new FakeTimeProvider();
        var input = new ClientInput(time) { MessageBytes = 8 * 1024 };

        for (var n = 0; n < 50_000; n++)
        {
            for (var fragment = 1; fragment <= fragments; fragment++)
            {
                input.TryCount(header + payload).Should().BeTrue();
                input.OnMessage(payload, isEnd: fragment == fragments);
            }
            time.Advance(TimeSpan.FromMilliseconds(fragments > 2 ? 100 : 0));
        }
    }

    [Fact]
    public async Task A_receive_loop_that_always_has_something_to_read_leaves_its_thread_to_others()
    {
        using var inner = new RecordingStream();
        await inner.ClientSendsAsync(new byte[10_000]);
        var connection = new Connection(new OpenTransport(), PlainText.Format, static () => { }, TimeProvider.System, NullLogger.Instance);
        await using var stream = new WebSocketStream(inner, connection, new ClientInput(TimeProvider.System));
        var buffer = new byte[10];
        var context = new CountingContext();

        for (var n = 0; n < 1_000; n++)
        {
            SynchronizationContext.SetSynchronizationContext(context);
            var reading = stream.ReadAsync(buffer);
            SynchronizationContext.SetSynchronizationContext(null);
            (await reading).Should().Be(10);
        }

        context.Posts.Should().Be(1_000 / 64);
    }

    private static byte[] Repeat(byte[] frame, int count) => [.. Enumerable.Repeat(frame, count).SelectMany(static bytes => bytes)];

    /// <summary>Counts how often work was left to another thread.</summary>
    private sealed class CountingContext : SynchronizationContext
    {
        public int Posts { get; private set; }

        public override void Post(SendOrPostCallback d, object? state)
        {
            Posts++;
            base.Post(d, state);
        }
    }
}
