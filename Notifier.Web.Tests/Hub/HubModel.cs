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
/// Subscriptions, and connections that hold them, without Redis and sockets; and what must be true of them: each peer gets
/// each name's messages from where it joined on, in order, without a hole, until it leaves or is told that it is too slow.
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

    /// <summary>A name, and how many messages were published on it. Published by one thread, as Redis does.</summary>
    internal sealed class ModelName(Subscription subscription)
    {
        private long published;
        private long passed;

        public Subscription Subscription => subscription;

        /// <summary>The number of the last message that was begun to be published.</summary>
        public long Published => Interlocked.Read(ref published);

        /// <summary>The number of the last message that was published.</summary>
        public long Passed => Interlocked.Read(ref passed);

        /// <summary>The payload is the message's number, and padding.</summary>
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

    /// <summary>A connection, the names it holds, and between which numbers it must have joined.</summary>
    internal sealed class Peer(ModelTransport transport, Connection connection)
    {
        public ModelTransport Transport => transport;

        public Connection Connection => connection;

        public Dictionary<ModelName, (Subscriber Subscriber, long JoinedAfter, long JoinedBy)> Held { get; } = [];

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
        if (peer.Held.ContainsKey(name))
            return;
        var subscriber = new Subscriber(peer.Connection, name.Subscription);
        var joinedAfter = name.Passed;
        SubscriberExtensions.Join(subscriber);
        peer.Held.Add(name, (subscriber, joinedAfter, name.Published));
    }

    public static void Leave(Peer peer, ModelName name)
    {
        if (peer.Held.TryGetValue(name, out var held) && peer.Left.Add(name))
            peer.Connection.Post(held.Subscriber.Leave);
    }

    /// <summary>Lets all go on, and checks what each of them has got when everything has come to rest.</summary>
    public async Task CheckAsync()
    {
        foreach (var peer in peers)
            peer.Transport.GoOn();
        foreach (var peer in peers)
        {
            await Eventually.IsAsync(() => IsAtRest(peer), $"a peer comes to rest (seed {seed})");
            Check(peer);
        }
    }

    private static bool IsAtRest(Peer peer) => peer.Connection.IsAtRest(() =>
        peer.Connection.CloseAsked is not null || peer.Held.All(held => peer.Left.Contains(held.Key) || !held.Value.Subscriber.IsBehind));

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
                number.Should().Be(expected, $"messages of {parts[0]} come in order and once (seed {seed})");
            else
            {
                var joined = peer.Held.Single(held => held.Key.Subscription.Name.Text == parts[0]).Value;
                number.Should().BeInRange(joined.JoinedAfter + 1, joined.JoinedBy + 1, $"the first is the first after joining (seed {seed})");
            }
            next[parts[0]] = number + 1;
        }
        wasClosed.Should().Be(peer.Connection.CloseAsked is not null, $"a close that was asked for is sent (seed {seed})");
        foreach (var (name, held) in peer.Held)
        {
            if (wasClosed || peer.Left.Contains(name))
                continue;
            if (!next.TryGetValue(name.Subscription.Name.Text, out var end))
                end = held.JoinedBy + 1;
            end.Should().Be(name.Published + 1, $"who holds {name.Subscription.Name} gets all of it (seed {seed})");
        }
    }
}
