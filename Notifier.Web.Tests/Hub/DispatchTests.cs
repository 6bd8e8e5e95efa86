using System.Diagnostics.Metrics;
using System.Text;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>The loop of a name goes on, whatever comes.</summary>
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
        using var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, self) =>
            {
                if (instrument is { Meter.Name: "Notifier.Hub", Name: "notifier.gaps" })
                    self.EnableMeasurementEvents(instrument);
            },
        };
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
    public async Task What_comes_faster_than_it_can_be_passed_on_is_dropped_as_a_gap_and_then_it_goes_on()
    {
        const int flood = 150_000;
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        using var goOn = new ManualResetEventSlim();
        var isStuck = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var lane = new ScriptedLane
        {
            Takes = length =>
            {
                isStuck.TrySetResult();
                goOn.Wait(Eventually.Limit);
                return length;
            },
        };
        var connection = new Connection(lane, PlainText.Format, static () => { }, TimeProvider.System, NullLogger.Instance);
        var subscription = new Subscription(Name.Channel("dispatch.flood"), app.Services.GetRequiredService<SubscriptionTraits>());
        new Subscriber(connection, subscription).Join();
        var queue = await Redis.Connection.GetSubscriber().SubscribeAsync(RedisChannel.Literal("dispatch.flood"));
        var receiving = subscription.ReceiveAsync(queue);
        await Redis.PublishAsync("dispatch.flood", "first");
        await isStuck.Task.WaitAsync(Eventually.Limit);

        await Redis.PublishAllAsync("dispatch.flood", Enumerable.Repeat((RedisValue)"flood", flood));
        await Eventually.IsAsync(() => queue.TryGetCount(out var waiting) && waiting == flood, "all of it waits in the library");
        goOn.Set();
        await Eventually.IsAsync(() => app.Log.Says("are dropped"), "the flood is dropped");
        await Redis.PublishAsync("dispatch.flood", "after");
        await Redis.Connection.GetSubscriber().PingAsync();
        await queue.UnsubscribeAsync();
        await receiving.WaitAsync(Eventually.Limit);

        Encoding.Latin1.GetString(lane.Taken).Should().StartWith("\u0081\u0005first").And.EndWith("after");
        subscription.Head.Should().BeLessThan(flood / 2, "most of it was dropped");
    }
}
