using FluentAssertions;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Endpoints;

public sealed class SlowReaderTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int Kept = 100;
    private const int Burst = 50;
    private const int Total = 2_000;
    private const int Bytes = 4_000;

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_slow_subscriber_is_closed_with_the_number_of_lost_messages_and_the_others_still_receive(Listen listen)
    {
        var channel = $"out.{listen}";
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen, settings: $"History:Recent:Messages={Kept}");
        await using var slow = await RawWebSocket.SubscribeAsync(app, channel, receiveBuffer: 4096);
        var others = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => RawWebSocket.SubscribeAsync(app, channel)));
        await Redis.WhenChannelIsLiveAsync(app, channel, 11);

        // Publishes no faster than the others read, so that Notifier does not close them too.
        for (var n = 0; n < Total; n += Burst)
        {
            await Redis.PublishAllAsync(channel, Enumerable.Range(n, Burst).Select(Payload));
            await Task.WhenAll(others.Select(client => ExpectAsync(client, n, Burst)));
        }
        // Now the slow client reads again: first the messages already sent, whole and in order, then the close with its reason.
        var received = 0;
        Frame frame;
        while ((frame = await slow.ReadMessageAsync()).Opcode != Frame.CloseOpcode)
            BitConverter.ToInt32(frame.Payload).Should().Be(received++);

        frame.CloseCode.Should().Be(4508);
        frame.CloseText.Should().Be($"too slow: {Total - Kept - received} messages were lost");
        await slow.SendCloseAsync(1000);
        (await slow.ReadFrameAsync()).Should().BeNull();
        await Eventually.IsAsync(() => app.Connections.Count == others.Length, "the slow connection has ended");
        await Redis.PublishAllAsync(channel, [Payload(Total)]);
        foreach (var client in others)
        {
            await ExpectAsync(client, Total, 1);
            await client.DisposeAsync();
        }
    }

    private static RedisValue Payload(int number)
    {
        var payload = new byte[Bytes];
        BitConverter.TryWriteBytes(payload, number);
        return payload;
    }

    private static async Task ExpectAsync(RawWebSocket client, int from, int count)
    {
        for (var n = from; n < from + count; n++)
            BitConverter.ToInt32((await client.ReadMessageAsync()).Payload).Should().Be(n);
    }
}
