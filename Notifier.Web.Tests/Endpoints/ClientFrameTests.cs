using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>
/// Invalid frames: Notifier closes the connection with the right close code, and no subscription of the connection remains.
/// </summary>
public sealed class ClientFrameTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int FrameBytes = 8 * 1024;

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain, 0)]
    [InlineData(Listen.Plain, 5)]
    [InlineData(Listen.Tls, 5)]
    public async Task A_binary_frame_is_rejected_as_malformed(Listen listen, int length)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());

        await client.SendAsync(Frame.BinaryOpcode, new byte[length]);

        var close = await client.ReadUntilCloseAsync();
        close.CloseCode.Should().Be(4400);
        close.CloseText.Should().Be("send names as text frames, not binary frames");
        await EndsInPeaceAsync(app, client);
    }

    [Theory]
    [InlineData(Listen.Plain, FrameBytes, 4400, "the channel has 8192 bytes; 255 are allowed")]
    [InlineData(Listen.Plain, FrameBytes + 1, 4413, "a frame may have at most 8192 bytes")]
    [InlineData(Listen.Tls, FrameBytes + 1, 4413, "a frame may have at most 8192 bytes")]
    public async Task A_frame_above_the_size_limit_closes_with_4413(Listen listen, int length, int code, string text)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());

        await client.SendTextAsync(new string('a', length));

        var close = await client.ReadUntilCloseAsync();
        (close.CloseCode, close.CloseText).Should().Be((code, text));
        await EndsInPeaceAsync(app, client);
    }

    public static TheoryData<string, int, byte[]> Broken { get; } = new()
    {
        { "without a mask", 1002, [0x81, 0x04, 65, 65, 65, 65] },
        { "with a reserved bit", 1002, RawWithFirstByte(0xC1) },
        { "with a reserved opcode", 1002, RawWithFirstByte(0x83) },
        { "that continues nothing", 1002, RawWithFirstByte(0x80) },
        { "of control in fragments", 1002, RawWithFirstByte(0x09) },
        { "of control with 126 bytes", 1002, RawWebSocket.Masked(Frame.PingOpcode, new byte[126]) },
        { "of close with half a code", 1002, RawWebSocket.Masked(Frame.CloseOpcode, [3]) },
        { "of close with code 999", 1002, RawWebSocket.Masked(Frame.CloseOpcode, [3, 231]) },
        { "of close with code 1005", 1002, RawWebSocket.Masked(Frame.CloseOpcode, [3, 237]) },
        { "of close with a reason that is not UTF-8", 1002, RawWebSocket.Masked(Frame.CloseOpcode, [3, 232, 0xFF]) },
        { "of text that is not UTF-8", 1007, RawWebSocket.Masked(Frame.TextOpcode, [0x6E, 0xFF]) },
        { "of text with a surrogate", 1007, RawWebSocket.Masked(Frame.TextOpcode, [0xED, 0xA0, 0x80]) },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task A_frame_that_violates_the_protocol_closes_the_connection_and_removes_its_subscriptions(string frame, int code, byte[] bytes)
    {
        _ = frame;
        foreach (var listen in Enum.GetValues<Listen>())
        {
            var name = $"broken.{Guid.NewGuid():N}";
            await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
            await using var client = await RawWebSocket.SubscribeAsync(app, name);
            await Redis.WhenChannelIsLiveAsync(app, name);

            await client.SendRawAsync(bytes);

            (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(code);
            await Eventually.IsAsync(() => app.Connections.Count == 0, "the connection has ended");
            app.Hub.CountSubscribers(Name.Channel(name)).Should().Be(0);
        }
    }

    private static byte[] RawWithFirstByte(byte first)
    {
        var frame = RawWebSocket.Masked(Frame.TextOpcode, [65]);
        frame[0] = first;
        return frame;
    }

    internal static async Task EndsInPeaceAsync(NotifierApp app, RawWebSocket client)
    {
        await client.SendCloseAsync(1000);
        (await client.ReadFrameAsync()).Should().BeNull();
        await Eventually.IsAsync(() => app.Connections.Count == 0, "the connection has ended");
    }
}
