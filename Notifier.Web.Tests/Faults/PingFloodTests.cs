using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>A client sends pings and reads nothing. The test measures the memory of this process.</summary>
[Collection(RunsAlone.Name)]
public sealed class PingFloodTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_flood_of_pings_keeps_only_the_latest_pong_waiting_and_does_not_delay_other_clients(Listen listen)
    {
        // Of 131 bytes: more than all buffers on the way can store, but less than a client may send at once outside of messages.
        const int pings = 6_000;
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, listen, settings: ["Redis:Linger=00:00:00", "Limits:FrameBytes=1048576"]);
        var leaks = new LeakCheck(app, redis);
        await using var flooder = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), receiveBuffer: 4096);
        await using var neighbour = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=flood"));
        await redis.WhenChannelIsLiveAsync(app, "flood");
        var before = await LiveMemory.SettledAsync();

        var flooding = Task.Run(async () =>
        {
            foreach (var some in Enumerable.Range(0, pings).Chunk(1_000))
                await flooder.SendRawAsync([.. some.SelectMany(static n => RawWebSocket.Masked(Frame.PingOpcode, [.. BitConverter.GetBytes(n), .. new byte[121]]))]);
        });
        for (var n = 0; n < 500; n++)
        {
            await redis.PublishAsync("flood", $"{n}");
            (await neighbour.ReadTextAsync()).Should().Be($"{n}");
        }
        await flooding.WaitAsync(Eventually.Limit);
        var cost = LiveMemory.Now() - before;

        // The flooder has read nothing so far. While its socket was full, each pong replaced the pong that waited (RFC 6455, 5.5.3).
        var (pongs, last) = (0, -1);
        while (last < pings - 1)
        {
            var pong = await flooder.ReadMessageAsync();    // skips the server's own pings
            pong.Opcode.Should().Be(Frame.PongOpcode);
            BitConverter.ToInt32(pong.Payload).Should().BeGreaterThan(last);
            (pongs, last) = (pongs + 1, BitConverter.ToInt32(pong.Payload));
        }
        output.WriteLine($"{pings} pings, {pongs} pongs, {cost / 1024} KiB.");
        pongs.Should().BeLessThan(pings, "the socket must be full, else the test shows nothing");
        cost.Should().BeLessThan(4 * 1024 * 1024);
        await neighbour.DisposeAsync();
        await flooder.DisposeAsync();
        await leaks.NothingIsLeftAsync();
    }
}
