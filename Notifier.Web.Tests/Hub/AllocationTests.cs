using FluentAssertions;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>
/// A message allocates memory once, when Redis delivers it, and nothing for each subscriber. Otherwise a busy name would load the garbage
/// collector in proportion to its subscribers.
/// </summary>
[Collection(RunsAlone.Name)]      // a garbage collection empties the buffer pools, and the next broadcast allocates
public sealed class AllocationTests
{
    /// <summary>Enough messages to fill the log and to grow the buffers of this thread.</summary>
    private const int WarmUps = SubscriberGroup.Kept;

    private const int Rounds = 10;

    private const int Attempts = 3;

    private const int Passed = WarmUps + Attempts * Rounds;

    private const int SmallPayload = 100;

    private static readonly int[] Audiences = [1, 100, 3_000];

    /// <summary>
    /// The number of subscribers, the messages in one pass, and the bytes of each. The largest payload is shared, not copied.
    /// </summary>
    public static TheoryData<int, int, int> Passes
    {
        get
        {
            var passes = new TheoryData<int, int, int>();
            foreach (var subscribers in Audiences)
            {
                passes.Add(subscribers, 1, SmallPayload);
                passes.Add(subscribers, SubscriberGroup.Kept, SmallPayload);
                passes.Add(subscribers, 1, FrameBatch.LargePayload + 1);
            }
            return passes;
        }
    }

    [Theory]
    [MemberData(nameof(Passes))]
    public void A_broadcast_allocates_nothing_for_any_number_of_subscribers(int subscribers, int count, int payload)
    {
        var transports = Transports(subscribers);
        var group = new SubscriberGroup(transports);
        var messages = Messages(count, payload);

        var allocated = AllocatedBy(() => group.Subscription.DeliverAndBroadcast(messages));

        allocated.Should().Be(0);
        transports.Should().OnlyContain(transport => transport.Taken == Passed * FrameBytes(count, payload));
    }

    [Theory]
    [MemberData(nameof(Passes))]
    public void Catching_up_allocates_nothing_for_any_number_of_busy_connections(int subscribers, int count, int payload)
    {
        var transports = Transports(subscribers);
        var group = new SubscriberGroup(transports);
        var messages = Messages(count, payload);

        var allocated = AllocatedBy(() => PassWhileBusy(group, messages));

        allocated.Should().Be(0);
        transports.Should().OnlyContain(transport => transport.Taken == Passed * FrameBytes(count, payload));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, SubscriberGroup.Kept)]
    [InlineData(100, 1)]
    [InlineData(100, SubscriberGroup.Kept)]
    public void Broadcasts_and_catching_up_allocate_nothing_over_real_sockets(int subscribers, int count)
    {
        using var peers = new LoopbackPeers(subscribers);
        var group = new SubscriberGroup(peers.Transports);
        var messages = Messages(count, SmallPayload);

        var allocated = AllocatedBy(
            () =>
            {
                group.Subscription.DeliverAndBroadcast(messages);
                PassWhileBusy(group, messages);
            },
            inBetween: () => peers.ReadAll(2 * FrameBytes(count, SmallPayload)));

        allocated.Should().Be(0);
    }

    [Fact]
    public void Joining_and_leaving_allocate_the_same_for_any_number_of_subscribers()
    {
        var allocated = Audiences.Select(subscribers =>
        {
            var group = new SubscriberGroup(Transports(subscribers));
            var connection = SubscriberGroup.Connect(new OpenTransport());
            return AllocatedBy(() =>
            {
                var subscriber = group.Join(connection);
                connection.Post(subscriber.Leave);
            });
        });

        allocated.Distinct().Should().ContainSingle();
    }

    /// <summary>
    /// The bytes that this many rounds allocate in this thread after the warm-up. The runtime allocates a little when it recompiles a
    /// running loop, so the smallest of a few attempts counts. Allocations of Notifier are in every attempt.
    /// </summary>
    private static long AllocatedBy(Action action, Action? inBetween = null)
    {
        AllocatedBy(WarmUps, action, inBetween);
        var least = long.MaxValue;
        for (var attempt = 0; attempt < Attempts; attempt++)
            least = Math.Min(least, AllocatedBy(Rounds, action, inBetween));
        return least;
    }

    private static long AllocatedBy(int rounds, Action action, Action? inBetween)
    {
        long allocated = 0;
        for (var i = 0; i < rounds; i++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            action();
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            inBetween?.Invoke();
        }
        return allocated;
    }

    /// <summary>
    /// Every connection has another owner during the broadcast, and catches up afterwards, in this thread instead of the thread pool.
    /// </summary>
    private static void PassWhileBusy(SubscriberGroup group, Message[] messages)
    {
        foreach (var connection in group.Connections)
            connection.TryAcquire();
        group.Subscription.DeliverAndBroadcast(messages);
        foreach (IThreadPoolWorkItem connection in group.Connections)
            connection.Execute();
    }

    private static OpenTransport[] Transports(int count) => [.. Enumerable.Range(0, count).Select(_ => new OpenTransport())];

    private static Message[] Messages(int count, int payload) =>
        [.. Enumerable.Range(0, count).Select(_ => Message.Create(null, new byte[payload]))];

    private static int FrameBytes(int count, int payload) => count * (ServerFrame.HeaderLength(payload) + payload);
}
