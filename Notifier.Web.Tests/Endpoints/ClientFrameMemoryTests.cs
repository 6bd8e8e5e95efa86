using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>Frames without an end cost little memory. The tests measure the memory of this process.</summary>
[Collection(RunsAlone.Name)]
public sealed class ClientFrameMemoryTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int FrameBytes = 8 * 1024;
    private const byte Continuation = 0;

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain, 0)]
    [InlineData(Listen.Plain, 1000)]
    [InlineData(Listen.Tls, 1000)]
    public async Task Endless_fragments_close_with_4413_and_use_little_memory(Listen listen, int length)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());
        var fragments = Enumerable.Repeat(RawWebSocket.Masked(Continuation, new byte[length], final: false), FrameBytes + 2).SelectMany(bytes => bytes).ToArray();
        var before = await LiveMemory.SettledAsync();

        await client.SendAsync(Frame.TextOpcode, new byte[length], final: false);
        await client.SendRawAsync(fragments);
        (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(4413);
        // Notifier does not read far more empty fragments, but ends the connection.
        for (var n = 0; n < 3 && length > 0; n++)
            await client.SendRawAsync(fragments);

        (LiveMemory.Now() - before).Should().BeLessThan(2 * 1024 * 1024);
        await ClientFrameTests.EndsInPeaceAsync(app, client);
    }

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_frame_of_endless_announced_length_closes_with_4413_and_uses_little_memory(Listen listen)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());
        var letters = Enumerable.Repeat((byte)'a', 1024 * 1024).ToArray();
        var before = await LiveMemory.SettledAsync();

        await client.SendRawAsync([0x81, 0xFF, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for (var n = 0; n < 16; n++)
            await client.SendRawAsync(letters);

        (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(4413);
        (LiveMemory.Now() - before).Should().BeLessThan(2 * 1024 * 1024);
    }
}
