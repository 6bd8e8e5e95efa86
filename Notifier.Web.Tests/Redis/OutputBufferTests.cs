using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using FluentAssertions;
using Notifier.Names;
using Notifier.Redis;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Redis;

/// <summary>Notifier reads faster than Redis closes a slow subscriber. A test beside it would take the processor that the reader needs.</summary>
[Collection(RunsAlone.Name)]
public sealed class OutputBufferTests(ITestOutputHelper output)
{
    /// <summary>
    /// Redis limits the output buffer of a subscriber to 32 MiB, or 8 MiB for a minute. Redis closes a subscriber that reads too slowly,
    /// and drops the messages that wait for it. 100,000 messages of 1 KiB are 100 MiB, in two seconds, to 25 browsers.
    /// </summary>
    [Theory]
    [InlineData(RedisTransport.Direct)]
    [InlineData(RedisTransport.Stream)]
    public async Task A_flood_never_fills_the_output_buffer_that_redis_has_for_the_node(RedisTransport transport)
    {
        const int messages = 100_000;
        const int browsers = 25;
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: $"Redis:Transport={transport}");
        var clients = new List<RawWebSocket>();
        for (var n = 0; n < browsers; n++)
            clients.Add(await RawWebSocket.SubscribeAsync(app, "flood"));
        await redis.WhenChannelIsLiveAsync(app, "flood", browsers);
        var reading = Task.WhenAll(clients.Select(client => Task.Run(() => ReadToTheEndAsync(client))));
        using var gaps = new GapCount(app);

        var since = Stopwatch.StartNew();
        await FloodAsync(redis, "flood", messages, new string('x', 1024));
        output.WriteLine($"{messages} messages of 1 KiB in {since.Elapsed.TotalSeconds:0.00} s.");
        await redis.WhenChannelIsLiveAsync(app, "flood", app.Hub.CountSubscribers(Name.Channel("flood")));
        await redis.PublishAsync("flood", "end");
        await Eventually.IsAsync(() => app.Hub.CountBehind() == 0, "every subscriber has caught up", TimeSpan.FromSeconds(60));

        gaps.Redis.Should().Be(0, "the connection was never lost");
        app.Log.Lines.Should().NotContain(static line => line.Text.Contains("Redis does not answer", StringComparison.Ordinal));
        await clients.DisposeAllAsync();
        await reading.ContinueWith(static _ => { }, TaskScheduler.Default);

        static async Task ReadToTheEndAsync(RawWebSocket client)
        {
            while (await client.ReadFrameAsync() is { } frame && frame.Opcode != Frame.CloseOpcode && frame.Payload.Length != 3)
            {
            }
        }
    }

    /// <summary>
    /// Publishes 50 MB a second, which is more than twice what reaches 50 browsers. At Redis' full speed, four times as much, a machine
    /// that is busy for a sixth of a second would leave 32 MiB waiting in Redis. That would be a fault of the machine.
    /// </summary>
    private static async Task FloodAsync(RedisServer redis, string channel, int messages, string payload)
    {
        const int atOnce = 100;
        var commands = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(
            $"*3\r\n$7\r\nPUBLISH\r\n${channel.Length}\r\n{channel}\r\n${payload.Length}\r\n{payload}\r\n", atOnce)));
        using var publisher = new TcpClient();
        await publisher.ConnectAsync(IPAddress.Loopback, redis.Port);
        var stream = publisher.GetStream();
        var answering = Task.Run(() => ReadLinesAsync(stream, messages));
        using var pace = RealTime.Pace(TimeSpan.FromMilliseconds(2));
        for (var sent = 0; sent < messages; sent += atOnce)
        {
            await pace.WaitForNextTickAsync();
            await stream.WriteAsync(commands);
        }
        await answering.WaitAsync(TimeSpan.FromSeconds(60));

        static async Task ReadLinesAsync(NetworkStream stream, int lines)
        {
            var buffer = new byte[64 * 1024];
            while (lines > 0)
            {
                var read = await stream.ReadAsync(buffer);
                read.Should().BePositive("Redis answers each command");
                lines -= buffer.AsSpan(0, read).Count((byte)'\n');
            }
        }
    }
}
