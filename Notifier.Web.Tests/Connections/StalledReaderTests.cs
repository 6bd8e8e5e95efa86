using System.Buffers.Binary;
using System.Net.WebSockets;
using FluentAssertions;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Connections;

/// <summary>Sockets that do not read while many messages arrive: the memory that they use, and the effect on other sockets.</summary>
public sealed class StalledReaderTests(RedisFixture fixture, ITestOutputHelper output) : IClassFixture<RedisFixture>
{
    private const int Stalled = 200;

    /// <summary>Kestrel's limit of streams on one HTTP/2 connection.</summary>
    private const int StalledStreams = 100;
    private const int MaxBytesEach = 512 * 1024;

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain, 200, 1_000, 20)]
    [InlineData(Listen.Plain, 512 * 1024, 2, 8)]
    [InlineData(Listen.Tls, 200, 1_000, 20)]
    [InlineData(Listen.Tls, 512 * 1024, 2, 8)]
    public async Task A_stalled_client_costs_less_than_half_a_mebibyte_and_others_receive_every_message(Listen listen, int bytes, int burst, int bursts)
    {
        var channel = $"stalled.{listen}.{bytes}";
        await using var server = await ServerProcess.StartAsync(Redis.Configuration, listen);
        var address = server.WebSocketAddress("/ws?channel=" + channel);
        var neighbours = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => RawWebSocket.ConnectAsync(address)));
        var sequence = new Sequence(Redis, channel, bytes, neighbours);
        await sequence.PublishAsync(burst, bursts);
        var before = server.ResidentBytes;
        var stalled = await Task.WhenAll(Enumerable.Range(0, Stalled).Select(_ => RawWebSocket.ConnectAsync(address, receiveBuffer: 16 * 1024)));

        await sequence.PublishAsync(burst, bursts);

        var each = (server.ResidentBytes - before) / Stalled;
        output.WriteLine($"{listen}, messages of {bytes} bytes: {each / 1024} KiB for each stalled socket.");
        each.Should().BeLessThan(MaxBytesEach);
        foreach (var client in stalled.Concat(neighbours))
            await client.DisposeAsync();
    }

    [Theory]
    [InlineData(200, 1_000, 20)]
    [InlineData(512 * 1024, 2, 8)]
    public async Task A_stalled_http2_stream_costs_less_than_half_a_mebibyte_and_others_receive_every_message(int bytes, int burst, int bursts)
    {
        var channel = $"stalled.http2.{bytes}";
        await using var server = await ServerProcess.StartAsync(Redis.Configuration, Listen.Tls);
        var address = server.WebSocketAddress("/ws?channel=" + channel);
        var neighbours = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => RawWebSocket.ConnectAsync(address)));
        var sequence = new Sequence(Redis, channel, bytes, neighbours);
        await sequence.PublishAsync(burst, bursts);
        var before = server.ResidentBytes;
        using var http2 = new Http2Client();
        var stalled = await Task.WhenAll(Enumerable.Range(0, StalledStreams).Select(_ => http2.ConnectAsync(address)));

        await sequence.PublishAsync(burst, bursts);

        var each = (server.ResidentBytes - before) / StalledStreams;
        output.WriteLine($"HTTP/2, messages of {bytes} bytes: {each / 1024} KiB for each stalled stream.");
        each.Should().BeLessThan(MaxBytesEach);
        stalled.Should().OnlyContain(client => client.State == WebSocketState.Open);
    }

    /// <summary>Publishes numbered messages no faster than the neighbours read. Each neighbour must receive all of them in order.</summary>
    private sealed class Sequence(RedisServer redis, string channel, int bytes, RawWebSocket[] neighbours)
    {
        /// <summary>The payload of a probe, sent before the numbers. The bytes are the same in either byte order.</summary>
        private const int Probe = -1;

        private int next;

        public async Task PublishAsync(int burst, int bursts)
        {
            if (next == 0)
                await ReachesAllAsync();
            for (var n = 0; n < bursts; n++)
            {
                await redis.PublishAllAsync(channel, Enumerable.Range(next, burst).Select(Numbered));
                await Task.WhenAll(neighbours.Select(async client =>
                {
                    for (var expected = next; expected < next + burst; expected++)
                        (await ReadNumberAsync(client)).Should().Be(expected);
                }));
                next += burst;
            }
        }

        /// <summary>
        /// Waits until every neighbour receives the channel. Redis reports the subscription as soon as the first of them has subscribed.
        /// </summary>
        private async Task ReachesAllAsync()
        {
            var reached = Task.WhenAll(neighbours.Select(static client => client.ReadMessageAsync()));
            await Eventually.IsAsync(
                async () =>
                {
                    await redis.PublishAsync(channel, BitConverter.GetBytes(Probe));
                    return reached.IsCompleted;
                },
                "each neighbour is subscribed");
            await reached;
        }

        private static async Task<int> ReadNumberAsync(RawWebSocket client)
        {
            int number;
            do
                number = BinaryPrimitives.ReadInt32BigEndian((await client.ReadMessageAsync()).Payload);
            while (number == Probe);
            return number;
        }

        private RedisValue Numbered(int number)
        {
            var payload = new byte[bytes];
            BinaryPrimitives.WriteInt32BigEndian(payload, number);
            return payload;
        }
    }
}
