using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>The statistics of names that operators see.</summary>
public sealed class HubStatisticsTests
{
    [Fact]
    public void A_subscriber_is_behind_only_if_messages_from_before_the_last_sweep_are_unsent()
    {
        var audience = new SubscriberGroup([new OpenTransport(), new OpenTransport(), new OpenTransport()]);
        audience.Connections[0].TryAcquire();
        audience.Subscription.DeliverAndBroadcast([Message.Create(null, [1])]);
        audience.Subscription.CountBehind().Should().Be(0, "the subscriber may be next to receive the message");

        audience.Subscription.Sweep();

        audience.Subscription.CountBehind().Should().Be(1);
        ((IThreadPoolWorkItem)audience.Connections[0]).Execute();
        audience.Subscription.CountBehind().Should().Be(0);
    }

    [Fact]
    public void The_message_rate_covers_about_the_last_ten_seconds()
    {
        var pace = new MessageRate();
        pace.Sample(1);
        for (var second = 1; second <= 60; second++)
            pace.Sample(1 + (second * 100));

        pace.PerSecond.Should().BeApproximately(100, 1);
        for (var second = 1; second <= 60; second++)
            pace.Sample(6001);
        pace.PerSecond.Should().BeLessThan(1);
    }

    [Fact]
    public void Delivery_latency_is_measured_once_for_the_tracked_message_and_for_no_other()
    {
        var time = new FakeTimeProvider();
        var took = new List<TimeSpan>();
        var latency = new DeliveryLatency(time, took.Add);
        latency.Track("orders", [1, 2]);
        latency.Track("orders", [9]);
        time.Advance(TimeSpan.FromMilliseconds(3));

        latency.Sample(Name.Channel("orders"), [Message.Create(null, [9]), Message.GapOf(GapCode.Redis)]);
        latency.Sample(Name.Channel("others"), [Message.Create(null, [1, 2])]);
        latency.Sample(Name.Pattern("o*"), [Message.Create("others"u8.ToArray(), [1, 2])]);
        took.Should().BeEmpty();
        latency.Sample(Name.Pattern("o*"), [Message.Create("orders"u8.ToArray(), [1, 2])]);
        latency.Sample(Name.Channel("orders"), [Message.Create(null, [1, 2])]);

        took.Should().Equal(TimeSpan.FromMilliseconds(3));
    }

    [Fact]
    public void Latency_tracking_gives_up_a_message_that_never_arrives_and_measures_the_next()
    {
        var time = new FakeTimeProvider();
        var took = new List<TimeSpan>();
        var latency = new DeliveryLatency(time, took.Add);
        latency.Track("nobody", [1]);
        time.Advance(TimeSpan.FromSeconds(6));
        latency.Track("orders", [2]);

        latency.Sample(Name.Channel("orders"), [Message.Create(null, [2])]);

        took.Should().ContainSingle();
    }
}
