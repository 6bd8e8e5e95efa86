using FluentAssertions;
using Notifier.History;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>Two threads share the subscribers of one broadcast.</summary>
public sealed class SharedBroadcastTests
{
    private const int Subscribers = 2048;

    /// <summary>
    /// The frames are in a buffer of the thread that broadcasts. That thread must not start the next batch while another thread still sends
    /// from the buffer.
    /// </summary>
    [Fact]
    public async Task A_broadcast_ends_only_after_its_helper_thread_has_finished()
    {
        using var stuck = new StuckDelivery();
        var traits = SubscriberGroup.Traits(new RecentOptions(), helpers: new DeliveryHelpers(2));
        var subscription = new Subscription(Name.Channel("news"), traits);
        var owner = 0;
        var transports = Enumerable.Range(0, Subscribers).Select(_ => new ScriptedTransport { Takes = Take }).ToArray();
        foreach (var transport in transports)
            SubscriberExtensions.Join(new Subscriber(SubscriberGroup.Connect(transport), subscription));

        var passing = OwnThread.RunAsync(() =>
        {
            owner = Environment.CurrentManagedThreadId;
            subscription.DeliverAndBroadcast([Message.Create(null, "1"u8.ToArray())]);
        });
        await stuck.WhenReachedAsync();
        await Eventually.IsAsync(() => transports.Count(static transport => transport.Taken.Length > 0) >= Subscribers - 256, "all but the helper's chunk have received the message");
        passing.IsCompleted.Should().BeFalse("the helper is still sending");
        stuck.End();
        await passing.WaitAsync(Eventually.Limit);

        foreach (var transport in transports)
            transport.Taken.Should().Equal(0x81, 1, (byte)'1');

        int Take(int length)
        {
            if (Environment.CurrentManagedThreadId != owner)
                stuck.WaitOnce();
            else if (!stuck.IsReached)
                stuck.WhenReachedAsync().Wait(Eventually.Limit);     // otherwise no subscriber would be left for the helper
            return length;
        }
    }
}
