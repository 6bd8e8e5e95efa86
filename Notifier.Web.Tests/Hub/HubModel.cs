using System.Globalization;
using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Connections;
using Notifier.History;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Tests.Support;

namespace Notifier.Tests.Hub;

/// <summary>
/// Subscriptions and their connections, without Redis and sockets. The invariant: each peer receives the messages of each name from the
/// moment it joined, in order and without a gap, until it leaves or is closed as too slow.
/// </summary>
internal sealed class HubModel
{
    private readonly List<Peer> peers = [];
    private readonly SubscriptionContext traits;
    private readonly int seed;

    public HubModel(int seed, int names, RecentOptions recent)
    {
        this.seed = seed;
        traits = SubscriberGroup.Traits(recent);
        Names = [.. Enumerable.Range(0, names).Select(n => new ModelName(new Subscription(Name.Channel($"n{n}"), traits)))];
    }

    public ModelName[] Names { get; }

    public IReadOnlyList<Peer> Peers => peers;

    /// <summary>A name and the number of messages published on it. One thread publishes, as Redis does.</summary>
    internal sealed class ModelName(Subscription subscription)
    {
        private long published;
        private long passed;

        public Subscription Subscription => subscription;

        /// <summary>The number of the last message whose publishing has started.</summary>
        public long Published => Interlocked.Read(ref published);

        /// <summary>The number of the last message whose publishing has ended.</summary>
        public long Passed => Interlocked.Read(ref passed);

        /// <summary>Publishes messages whose payload is the name, the message's number, and padding.</summary>
        public void Publish(int count, int padding)
        {
            var messages = new Message[count];
            for (var i = 0; i < count; i++)
                messages[i] = Message.Create(null, Encoding.ASCII.GetBytes($"{subscription.Name.Text}:{published + i + 1}:{new string('x', padding)}"));
            Interlocked.Add(ref published, count);
            subscription.DeliverAndBroadcast(messages);
            Interlocked.Add(ref passed, count);
        }
    }

    /// <summary>A connection, the names that it joined, and the range of message numbers in which it joined each.</summary>
    internal sealed class Peer(ModelTransport transport, Connection connection)
    {
        public ModelTransport Transport => transport;

        public Connection Connection => connection;

        public Dictionary<ModelName, (Subscriber Subscriber, long JoinedAfter, long JoinedBy)> Joined { get; } = [];

        public HashSet<ModelName> Left { get; } = [];
    }

    public Peer Connect()
    {
        var transport = new ModelTransport(seed + peers.Count);
        var peer = new Peer(transport, new Connection(transport, PlainText.Format, transport.GoOn, TimeProvider.System, NullLogger.Instance));
        peers.Add(peer);
        return peer;
    }

    public static void Join(Peer peer, ModelName name)
    {
        if (peer.Joined.ContainsKey(name))
            return;
        var subscriber = new Subscriber(peer.Connection, name.Subscription);
        var joinedAfter = name.Passed;
        SubscriberExtensions.Join(subscriber);
        peer.Joined.Add(name, (subscriber, joinedAfter, name.Published));
    }

    public static void Leave(Peer peer, ModelName name)
    {
        if (peer.Joined.TryGetValue(name, out var joined) && peer.Left.Add(name))
            peer.Connection.Post(joined.Subscriber.Leave);
    }

    /// <summary>Ends all stalls, and checks the messages of each peer after all sending has stopped.</summary>
    public async Task CheckAsync()
    {
        foreach (var peer in peers)
            peer.Transport.GoOn();
        foreach (var peer in peers)
        {
            await IsAtRestAsync(peer);
            Check(peer);
        }
    }

    /// <summary>A slow machine takes its time; a lost wake-up shows as a peer that receives nothing more.</summary>
    private async Task IsAtRestAsync(Peer peer)
    {
        long received;
        do
        {
            received = peer.Transport.Progress.Acknowledged;
            try
            {
                await Eventually.IsAsync(() => IsAtRest(peer), "the peer comes to rest");
                return;
            }
            catch (TimeoutException)
            {
            }
        }
        while (peer.Transport.Progress.Acknowledged > received);
        throw new TimeoutException(
            $"A peer received nothing for {Eventually.Limit.TotalSeconds} s and is not at rest (seed {seed}). It is behind on "
            + string.Join(", ", peer.Joined.Where(one => !peer.Left.Contains(one.Key) && one.Value.Subscriber.IsBehind).Select(static one => one.Key.Subscription.Name.Text)));
    }

    private static bool IsAtRest(Peer peer) => peer.Connection.IsAtRest(() =>
        peer.Connection.CloseRequested is not null || peer.Joined.All(one => peer.Left.Contains(one.Key) || !one.Value.Subscriber.IsBehind));

    private void Check(Peer peer)
    {
        var next = new Dictionary<string, long>();
        var wasClosed = false;
        foreach (var (opcode, payload) in peer.Transport.Frames())
        {
            wasClosed.Should().BeFalse($"nothing follows a close (seed {seed})");
            wasClosed = opcode == ServerFrame.Close;
            if (opcode != ServerFrame.Text)
                continue;
            var parts = Encoding.ASCII.GetString(payload).Split(':');
            var number = long.Parse(parts[1], CultureInfo.InvariantCulture);
            if (next.TryGetValue(parts[0], out var expected))
                number.Should().Be(expected, $"messages of {parts[0]} arrive in order and once (seed {seed})");
            else
            {
                var joined = peer.Joined.Single(one => one.Key.Subscription.Name.Text == parts[0]).Value;
                number.Should().BeInRange(joined.JoinedAfter + 1, joined.JoinedBy + 1, $"the first message is the first after joining (seed {seed})");
            }
            next[parts[0]] = number + 1;
        }
        wasClosed.Should().Be(peer.Connection.CloseRequested is not null, $"a requested close is sent (seed {seed})");
        foreach (var (name, joined) in peer.Joined)
        {
            if (wasClosed || peer.Left.Contains(name))
                continue;
            if (!next.TryGetValue(name.Subscription.Name.Text, out var end))
                end = joined.JoinedBy + 1;
            end.Should().Be(name.Published + 1, $"a subscriber of {name.Subscription.Name} receives every message (seed {seed})");
        }
    }
}
