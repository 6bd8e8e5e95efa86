using System.Globalization;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Redis;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Redis;

/// <summary>
/// Messages travel from Redis' socket to those of the browsers. Each test runs with both transports of the subscription connection.
/// </summary>
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

    /// <summary>The test kills the subscription connection again and again, at 2,000 messages a second.</summary>
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
            await Eventually.IsAsync(() => ofChannel.Gaps >= kill && ofPattern.Gaps >= kill, "the gap arrives");
            var seen = ofChannel.Messages;
            await Eventually.IsAsync(() => ofChannel.Messages > seen + 100, "messages arrive again");
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
            ledger.Holes.Should().BePositive("a killed connection loses messages at this rate");
        }

        async Task PublishAsync()
        {
            using var timer = RealTime.Pace(Tick);
            while (!over.IsCancellationRequested && await timer.WaitForNextTickAsync())
            {
                for (var n = 0; n < MessagesPerTick; n++)
                    await redis.Connection.GetSubscriber().PublishAsync(RedisChannel.Literal("exact.a"), published++, CommandFlags.FireAndForget);
            }
            await redis.Connection.GetDatabase().PingAsync();
        }
    }

    /// <summary>Reading may stop at any byte. The names still receive each message once and in order.</summary>
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
            // A payload that looks like Redis' protocol is still a payload.
            Protocol.AsSpan(0, Math.Min(size, Protocol.Length)).CopyTo(payload);
            return payload;
        }).ToArray();

        await redis.PublishAllAsync("sizes", payloads.Select(static payload => (RedisValue)payload));

        foreach (var reader in new[] { client, other })
        {
            foreach (var payload in payloads)
                (await reader.ReadMessageAsync()).Payload.Should().Equal(payload);
        }
    }

    private static Task<NotifierApp> StartAsync(RedisServer redis, RedisTransport transport, params string[] settings) =>
        NotifierApp.StartAsync(redis.Configuration, settings: [$"Redis:Transport={transport}", .. settings]);

    /// <summary>Compares the numbers that a client received with the gaps that were reported.</summary>
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
