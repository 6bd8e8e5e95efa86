using FluentAssertions;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Connections;

/// <summary>
/// Data, pings, pongs and closes at the same time. The client checks each byte, and throws on a torn frame or on a frame after a close.
/// </summary>
public sealed class WholeFrameTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int Clients = 100;
    private const int Messages = 400;

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task Frames_stay_whole_while_100_clients_ping_close_and_receive_pings_under_load(Listen listen)
    {
        var channel = $"whole.{listen}";
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen, settings: "History:Recent:Bytes=100000000");
        var clients = await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => RawWebSocket.SubscribeAsync(app, channel)));
        await Redis.WhenChannelIsLiveAsync(app, channel, Clients);
        using var flooded = new CancellationTokenSource();

        var pinging = PingAllAsync(app, flooded.Token);
        var reading = clients.Select((client, n) => n % 2 == 0 ? StayAsync(client) : CloseInTheMiddleAsync(client, at: n * Messages / Clients)).ToList();
        await Redis.PublishAllAsync(channel, Enumerable.Range(0, Messages).Select(Payload));
        await Task.WhenAll(reading).WaitAsync(TimeSpan.FromSeconds(60));
        await flooded.CancelAsync();
        await pinging;

        await Eventually.IsAsync(() => app.Connections.Count == Clients / 2, "the closed connections have ended");
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_pong_does_not_wait_for_a_backlog(Listen listen)
    {
        const int backlog = 16 * 1024 * 1024;
        var channel = $"backlog.{listen}";
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, listen, settings: ["History:Recent:Bytes=100000000", "History:Recent:Messages=100000"]);
        await using var client = await RawWebSocket.SubscribeAsync(app, channel, receiveBuffer: 16 * 1024);
        await Redis.WhenChannelIsLiveAsync(app, channel);
        var connection = await app.OnlyConnectionAsync();
        await using var neighbour = await RawWebSocket.SubscribeAsync(app, channel);
        await Redis.WhenChannelIsLiveAsync(app, channel, 2);
        await Redis.PublishAllAsync(channel, Enumerable.Range(0, backlog / 1024).Select(_ => (RedisValue)new byte[1024]).Append("end"));
        while ((await neighbour.ReadMessageAsync()).Text != "end")
        {
        }

        var reads = connection.Reads;
        await client.SendAsync(Frame.PingOpcode, [1, 2, 3]);
        await Eventually.IsAsync(() => connection.Reads > reads, "the server has read the ping");
        Frame frame;
        do
            frame = await client.ReadMessageAsync();
        while (frame.Opcode != Frame.PongOpcode);

        frame.Payload.Should().Equal(1, 2, 3);
        client.BytesRead.Should().BeLessThan(backlog / 16, "only the bytes in the kernel's buffers precede the pong");
    }

    private static RedisValue Payload(int n) => new byte[n % 200 == 199 ? 100_000 : n % 50 == 49 ? 20_000 : n % 300].Concat(BitConverter.GetBytes(n)).ToArray();

    private static async Task PingAllAsync(NotifierApp app, CancellationToken end)
    {
        using var often = RealTime.Pace(TimeSpan.FromMilliseconds(1));
        try
        {
            while (await often.WaitForNextTickAsync(end))
                app.Connections.ForEach(connection => connection.SendPing());
        }
        catch (OperationCanceledException)
        {
            // The test has ended.
        }
    }

    private static async Task StayAsync(RawWebSocket client)
    {
        var asked = 0;
        var answered = 0;
        for (var next = 0; next < Messages;)
        {
            var frame = (await client.ReadFrameAsync())!;
            if (frame.Opcode == Frame.PongOpcode)
            {
                var pong = BitConverter.ToInt32(frame.Payload);
                pong.Should().BeInRange(answered + 1, asked, "a pong answers the newest ping, and no ping is answered twice");
                answered = pong;
            }
            else if (frame.Opcode != Frame.PingOpcode)
            {
                BitConverter.ToInt32(frame.Payload.AsSpan()[^4..]).Should().Be(next++);
                if (next % 10 == 0)
                    await client.SendAsync(Frame.PingOpcode, BitConverter.GetBytes(++asked));
            }
        }
        while (answered < asked)
        {
            if (await client.ReadFrameAsync() is { Opcode: Frame.PongOpcode } pong)
                answered = BitConverter.ToInt32(pong.Payload);
        }
    }

    private static async Task CloseInTheMiddleAsync(RawWebSocket client, int at)
    {
        for (var next = 0; next < at;)
        {
            if (await client.ReadFrameAsync() is { Opcode: Frame.BinaryOpcode or Frame.TextOpcode })
                next++;
        }
        await client.SendAsync(Frame.PingOpcode, []);
        await client.SendCloseAsync(1000);
        (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(1000);
        (await client.ReadFrameAsync()).Should().BeNull("nothing follows a close");
    }
}
