using System.Globalization;
using FluentAssertions;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>Fast and slow readers receive each message exactly once, in the order of its channel.</summary>
public sealed class DeliveryTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int Publishers = 4;

    private RedisServer Redis => fixture.Redis;

    /// <summary>
    /// Four publishers fill four channels. Half of the sockets subscribe to a pattern over all of them, the other half to one channel. One
    /// socket in ten reads nothing until the others have received everything, and then receives the same.
    /// </summary>
    [Theory]
    [InlineData(Listen.Plain, 200, 6_000)]
    [InlineData(Listen.Tls, 200, 2_000)]
    public async Task Two_hundred_clients_receive_each_message_once_and_in_order_under_load(Listen listen, int sockets, int messages)
    {
        var prefix = $"order.{listen}";
        var each = messages / Publishers;
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, listen, settings: ["History:Recent:Messages=100000", "History:Recent:Bytes=100000000"]);
        var clients = await Task.WhenAll(Enumerable.Range(0, sockets).Select(n => RawWebSocket.SubscribeAsync(
            app, IsOfPattern(n) ? prefix + ".*" : prefix + ".0", receiveBuffer: IsSlow(n) ? 4096 : 0)));
        await Redis.WhenChannelIsLiveAsync(app, prefix + ".0", sockets / 2);
        await Redis.WhenPatternIsLiveAsync(app, prefix + ".*", prefix + ".none", sockets / 2);

        var reading = Select(isSlow: false).ToList();
        await Task.WhenAll(Enumerable.Range(0, Publishers).Select(PublishAsync));
        await Task.WhenAll(reading).WaitAsync(TimeSpan.FromSeconds(60));
        await Task.WhenAll(Select(isSlow: true)).WaitAsync(TimeSpan.FromSeconds(60));

        foreach (var client in clients)
            await client.DisposeAsync();

        IEnumerable<Task> Select(bool isSlow) =>
            clients.Select((client, n) => (client, n)).Where(one => IsSlow(one.n) == isSlow)
                .Select(one => ReadAllAsync(one.client, IsOfPattern(one.n) ? Publishers : 1, each));

        Task PublishAsync(int publisher) => Redis.PublishAllAsync(
            $"{prefix}.{publisher}", Enumerable.Range(0, each).Select(n => (RedisValue)$"{publisher}:{n}"));
    }

    private static bool IsOfPattern(int n) => n % 2 == 0;

    private static bool IsSlow(int n) => n % 20 < 2;

    /// <summary>Reads every publisher's messages. A repeated or a missing message breaks the expected sequence.</summary>
    private static async Task ReadAllAsync(RawWebSocket client, int publishers, int each)
    {
        var next = new int[publishers];
        for (var left = publishers * each; left > 0;)
        {
            var text = await client.ReadTextAsync();
            if (text == Subscribed.Probe)
                continue;
            var n = int.Parse(text.AsSpan(2), CultureInfo.InvariantCulture);
            if (n != next[text[0] - '0']++)
                throw new InvalidOperationException($"{text} came where {next[text[0] - '0'] - 1} should have come.");
            left--;
        }
        await client.SendAsync(Frame.PingOpcode, []);
        (await client.ReadMessageAsync()).Opcode.Should().Be(Frame.PongOpcode, "no message is repeated at the end");
    }
}
