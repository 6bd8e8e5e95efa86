using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>Delivering a name goes on, whatever comes.</summary>
[Collection(UsesRedis.Name)]
public sealed class DispatchTests(RedisFixture fixture)
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task A_message_that_makes_it_fail_is_logged_and_does_not_make_the_name_deaf()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: ["Limits:PayloadBytes=10"]);
        await using var client = await RawWebSocket.SubscribeAsync(app, "dispatch.failure");
        await Redis.WhenChannelIsLiveAsync(app, "dispatch.failure");
        using var listener = app.Meters.ListenerOf("notifier.gaps");
        // Somebody else's code in the middle of ours: .NET calls it in the thread that counts.
        listener.SetMeasurementEventCallback<long>(static (_, _, tags, _) =>
        {
            if (tags[0].Value is "too_large")
                throw new InvalidOperationException("a listener that fails");
        });
        listener.Start();

        await Redis.PublishAsync("dispatch.failure", "eleven char");
        await Redis.PublishAsync("dispatch.failure", "next");

        (await client.ReadTextAsync()).Should().Be("next");
        app.Log.Lines.Should().ContainSingle(line => line.Level == LogLevel.Error && line.Text.Contains("a listener that fails"));
    }

    [Fact]
    public async Task What_comes_faster_than_it_can_be_sent_is_dropped_as_a_gap_and_then_it_goes_on()
    {
        const int flood = 150_000;
        using var stuck = new StuckDelivery();
        var lane = new ScriptedLane
        {
            Takes = length =>
            {
                stuck.WaitOnce();
                return length;
            },
        };
        var audience = new Audience([lane]);
        var sending = Task.Run(() => audience.Subscription.Pass([Text("first")]));
        await stuck.WhenReachedAsync();

        var due = new List<IBroadcast>();
        for (var n = 0; n < flood / 100; n++)
            audience.Subscription.Deliver(Enumerable.Repeat(Text("flood"), 100).ToArray(), due);
        due.Should().BeEmpty("another thread sends");
        stuck.End();
        await sending.WaitAsync(Eventually.Limit);
        audience.Subscription.Pass([Text("after")]);

        Encoding.Latin1.GetString(lane.Taken).Should().StartWith("\u0081\u0005first").And.EndWith("after");
        // One that was being sent, those that may wait, the gap, and the last.
        audience.Subscription.Head.Should().Be(1 + 100_000 + 1 + 1);
    }

    [Fact]
    public async Task What_is_delivered_while_another_thread_sends_is_sent_by_that_one()
    {
        using var stuck = new StuckDelivery();
        var lane = new ScriptedLane
        {
            Takes = length =>
            {
                stuck.WaitOnce();
                return length;
            },
        };
        var audience = new Audience([lane]);
        var sending = Task.Run(() => audience.Subscription.Pass([Text("1")]));
        await stuck.WhenReachedAsync();

        audience.Subscription.Pass([Text("2")]);
        lane.Taken.Should().BeEmpty();
        stuck.End();
        await sending.WaitAsync(Eventually.Limit);

        lane.Taken.Should().Equal(0x81, 1, (byte)'1', 0x81, 1, (byte)'2');
    }

    private static Message Text(string text) => Message.Of(null, Encoding.UTF8.GetBytes(text));
}
