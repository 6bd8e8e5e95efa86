using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Names;
using Notifier.Redis;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Redis;

/// <summary>From Redis' socket to the browsers', by both of the ways in which messages are taken off the subscription connection.</summary>
[Collection(RunsAlone.Name)]
public sealed class MessagePathTests(ITestOutputHelper output)
{
    private const int MessagesPerTick = 2;

    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    private static readonly byte[] Protocol = [.. "\r\n*3\r\n$7\r\nmessage\r\n"u8];

    [Theory]
    [InlineData(RedisTransport.Direct, 10)]
    [InlineData(RedisTransport.Stream, 10)]
    public Task Each_gap_is_exactly_where_messages_are_missing(RedisTransport transport, int kills) => GapsAreExactAsync(transport, kills);

    [Theory]
    [Trait("Faults", "long")]
    [InlineData(RedisTransport.Direct, 30)]
    [InlineData(RedisTransport.Stream, 30)]
    public Task Each_of_thirty_gaps_is_exactly_where_messages_are_missing(RedisTransport transport, int kills) => GapsAreExactAsync(transport, kills);

    /// <summary>The subscription connection is killed again and again, under 2,000 messages a second.</summary>
    private async Task GapsAreExactAsync(RedisTransport transport, int kills)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await StartAsync(redis, transport);
        await using var channel = await JsonClient.ConnectAsync(app);
        await channel.SubscribeAsync("channel", "exact.a");
        await using var pattern = await JsonClient.ConnectAsync(app);
        await pattern.SubscribeAsync("pattern", "exact.*");
        var published = 0;
        using var over = new CancellationTokenSource();
        var publishing = PublishAsync();
        var (ofChannel, ofPattern) = (new GapLedger(), new GapLedger());
        var reading = Task.WhenAll(ofChannel.ReadAsync(channel), ofPattern.ReadAsync(pattern));

        for (var kill = 1; kill <= kills; kill++)
        {
            await redis.Server.ExecuteAsync("CLIENT", "KILL", "TYPE", "pubsub");
            await Eventually.IsAsync(() => ofChannel.Gaps >= kill && ofPattern.Gaps >= kill, "a gap is told");
            var seen = ofChannel.Messages;
            await Eventually.IsAsync(() => ofChannel.Messages > seen + 100, "messages come again");
        }
        await over.CancelAsync();
        await publishing;
        await redis.PublishAsync("exact.a", "end");
        await reading.WaitAsync(Eventually.Limit);

        output.WriteLine($"{published} published; the channel got {ofChannel.Messages} and {ofChannel.Gaps} gaps, with {ofChannel.Holes} holes; "
            + $"the pattern {ofPattern.Messages}, {ofPattern.Gaps} and {ofPattern.Holes}.");
        foreach (var ledger in new[] { ofChannel, ofPattern })
        {
            ledger.Faults.Should().BeEmpty();
            ledger.Gaps.Should().Be(kills);
            ledger.Holes.Should().BePositive("a connection that was killed loses something at this rate");
        }

        async Task PublishAsync()
        {
            using var timer = new PeriodicTimer(Tick);
            while (!over.IsCancellationRequested && await timer.WaitForNextTickAsync())
            {
                for (var n = 0; n < MessagesPerTick; n++)
                    await redis.Connection.GetSubscriber().PublishAsync(RedisChannel.Literal("exact.a"), published++, CommandFlags.FireAndForget);
            }
            await redis.Connection.GetDatabase().PingAsync();
        }
    }

    /// <summary>
    /// Redis' own limits for a subscriber are 32 MiB, or 8 MiB for a minute: one that reads too slowly is dropped, and loses what waited for it.
    /// 200,000 messages of 1 KiB are 200 MiB, in four seconds, to fifty browsers.
    /// </summary>
    [Theory]
    [InlineData(RedisTransport.Direct)]
    [InlineData(RedisTransport.Stream)]
    public async Task A_flood_never_fills_the_output_buffer_that_redis_has_for_the_node(RedisTransport transport)
    {
        const int messages = 200_000;
        const int browsers = 50;
        await using var redis = await RedisServer.StartAsync();
        await using var app = await StartAsync(redis, transport);
        var clients = new List<RawWebSocket>();
        for (var n = 0; n < browsers; n++)
            clients.Add(await RawWebSocket.SubscribeAsync(app, "flood"));
        await redis.WhenChannelIsLiveAsync(app, "flood", browsers);
        var reading = Task.WhenAll(clients.Select(client => Task.Run(() => ReadToTheEndAsync(client))));
        using var gaps = new GapCount(app);

        var since = Stopwatch.StartNew();
        await FloodAsync(redis, "flood", messages, new string('x', 1024));
        output.WriteLine($"{messages} messages of 1 KiB in {since.Elapsed.TotalSeconds:0.00} s.");
        await redis.WhenChannelIsLiveAsync(app, "flood", app.Hub.References(Name.Channel("flood")));
        await redis.PublishAsync("flood", "end");
        await Eventually.IsAsync(() => app.Hub.CountBehind() == 0, "the flood is over", TimeSpan.FromSeconds(60));

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

    /// <summary>Every connection is as it comes: the names go from one to the next without one message twice, or out of order.</summary>
    [Theory]
    [InlineData(RedisTransport.Direct)]
    [InlineData(RedisTransport.Stream)]
    public async Task Payloads_of_every_size_arrive_whole_in_order_and_once(RedisTransport transport)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await StartAsync(redis, transport, "History:Recent:Bytes=100000000");
        await using var client = await RawWebSocket.SubscribeAsync(app, "sizes");
        await using var other = await RawWebSocket.SubscribeAsync(app, "size*");
        await redis.WhenChannelIsLiveAsync(app, "sizes");
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == 1, "the pattern is subscribed");
        int[] sizes = [0, 1, 2, 125, 126, 127, 16 * 1024, 16 * 1024 + 1, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 300_000, 512 * 1024];
        var random = new Random(21);
        var payloads = sizes.Concat(Enumerable.Range(0, 100).Select(_ => random.Next(70_000))).Select(size =>
        {
            var payload = new byte[size];
            random.NextBytes(payload);
            // What looks like Redis' protocol is a payload all the same.
            Protocol.AsSpan(0, Math.Min(size, Protocol.Length)).CopyTo(payload);
            return payload;
        }).ToArray();

        await redis.PublishAllAsync("sizes", payloads.Select(static payload => (RedisValue)payload));

        foreach (var reader in new[] { client, other })
        {
            foreach (var payload in payloads)
                (await reader.ReadFrameAsync())!.Payload.Should().Equal(payload);
        }
    }

    private static Task<NotifierApp> StartAsync(RedisServer redis, RedisTransport transport, params string[] settings) =>
        NotifierApp.StartAsync(redis.Configuration, settings: [$"Redis:Transport={transport}", .. settings]);

    /// <summary>As fast as Redis takes them, which this process could not.</summary>
    /// <summary>
    /// 50 MB a second: more than twice what reaches 50 browsers. As fast as Redis can, it would be four times that, and where something else takes the
    /// processors for a sixth of a second, 32 MiB wait in Redis: that is a fault of the machine.
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
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
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

    /// <summary>What a client was told, number by number.</summary>
    private sealed class GapLedger
    {
        private int gaps;
        private int messages;

        public int Gaps => Volatile.Read(ref gaps);

        public int Messages => Volatile.Read(ref messages);

        /// <summary>Places where numbers are missing.</summary>
        public int Holes { get; private set; }

        public List<string> Faults { get; } = [];

        public async Task ReadAsync(JsonClient client)
        {
            var next = -1;
            var gapSince = false;
            while (true)
            {
                JsonObject said = await client.ReadAsync();
                if ((string?)said["type"] == "gap")
                {
                    if (gapSince)
                        Faults.Add($"two gaps before {next}");
                    gapSince = true;
                    Interlocked.Increment(ref gaps);
                    continue;
                }
                var data = (string)said["data"]!;
                if (data == "end")
                    return;
                var number = int.Parse(data, CultureInfo.InvariantCulture);
                if (next >= 0 && number < next)
                    Faults.Add($"{number} after {next - 1}");
                if (next >= 0 && number > next)
                {
                    Holes++;
                    if (!gapSince)
                        Faults.Add($"{next} to {number - 1} are missing, and no gap is there");
                }
                gapSince = false;
                next = number + 1;
                Interlocked.Increment(ref messages);
            }
        }
    }
}
