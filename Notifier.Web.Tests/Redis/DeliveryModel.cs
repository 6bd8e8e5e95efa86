using System.Globalization;
using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Connections;
using Notifier.History;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Tests.Hub;
using Notifier.Tests.Support;

namespace Notifier.Tests.Redis;

/// <summary>
/// Subscriptions and connections that join and leave them, as in <see cref="HubModel"/>. The test delivers the messages. Each payload is
/// the name, the message's number, and padding.
/// </summary>
internal sealed class DeliveryModel
{
    private static readonly RecentOptions Roomy = new() { Messages = 1_000_000, Bytes = int.MaxValue, Age = TimeSpan.FromHours(1) };

    private readonly long[] published;
    private readonly Peer[] peers;

    public DeliveryModel(int seed, int names, int peers)
    {
        Seed = seed;
        var traits = SubscriberGroup.Traits(Roomy);
        Subscriptions = [.. Enumerable.Range(0, names).Select(n => new Subscription(Name.Channel($"n{n}"), traits))];
        published = new long[names];
        this.peers = [.. Enumerable.Range(0, peers).Select(n => new Peer(new ModelTransport(seed + n)))];
    }

    public int Seed { get; }

    public Subscription[] Subscriptions { get; }

    /// <summary>Only one thread may call this.</summary>
    public byte[] NextPayload(int name, int padding) => Encoding.ASCII.GetBytes($"n{name}:{++published[name]}:{new string('x', padding)}");

    public void Churn(Random random, Func<bool> isOver)
    {
        while (!isOver())
        {
            var peer = peers[random.Next(peers.Length)];
            var name = random.Next(Subscriptions.Length);
            if (random.Next(4) > 0)
                Join(peer, name);
            else
                Leave(peer, name);
            Thread.Yield();
        }
        // Each peer ends with at least one name.
        foreach (var peer in peers)
            Join(peer, 0);
    }

    public void Stall(Random random, Func<bool> isOver) => ModelPeers.StallSome(Array.ConvertAll(peers, static peer => peer.Transport), random, isOver);

    private void Join(Peer peer, int name)
    {
        if (peer.Joined.ContainsKey(name))
            return;
        var subscription = Subscriptions[name];
        var subscriber = new Subscriber(peer.Connection, subscription);
        // There are no gaps, so the log's numbers are those of the messages.
        var from = subscription.Head;
        SubscriberExtensions.Join(subscriber);
        peer.Joined.Add(name, new(subscriber, from, subscription.Head));
    }

    private static void Leave(Peer peer, int name)
    {
        if (peer.Joined.TryGetValue(name, out var joined) && !joined.HasLeft)
        {
            peer.Joined[name] = joined with { HasLeft = true };
            peer.Connection.Post(joined.Subscriber.Leave);
        }
    }

    /// <summary>Checks the messages of each connection after all sending has stopped.</summary>
    public async Task CheckAsync()
    {
        foreach (var peer in peers)
            peer.Transport.GoOn();
        foreach (var peer in peers)
        {
            await Eventually.IsAsync(() => IsAtRest(peer), $"a peer comes to rest (seed {Seed})");
            Check(peer);
        }
    }

    private static bool IsAtRest(Peer peer) =>
        peer.Connection.IsAtRest(() => peer.Joined.Values.All(static joined => joined.HasLeft || !joined.Subscriber.IsBehind));

    private void Check(Peer peer)
    {
        var next = new Dictionary<int, long>();
        foreach (var (opcode, payload) in peer.Transport.Frames())
        {
            opcode.Should().Be(ServerFrame.Text);
            var parts = Encoding.ASCII.GetString(payload).Split(':');
            var name = int.Parse(parts[0].AsSpan(1), CultureInfo.InvariantCulture);
            var number = long.Parse(parts[1], CultureInfo.InvariantCulture);
            if (next.TryGetValue(name, out var expected))
                number.Should().Be(expected, $"messages of n{name} arrive in order and once (seed {Seed})");
            else
                number.Should().BeInRange(peer.Joined[name].From, peer.Joined[name].By, $"the first message is the first after joining (seed {Seed})");
            next[name] = number + 1;
        }
        foreach (var (name, joined) in peer.Joined)
        {
            if (!joined.HasLeft)
                next.GetValueOrDefault(name, joined.By).Should().Be(published[name] + 1, $"every message of n{name} arrives (seed {Seed})");
        }
    }

    private sealed class Peer(ModelTransport transport)
    {
        public ModelTransport Transport => transport;

        public Connection Connection { get; } = new(transport, PlainText.Format, transport.GoOn, TimeProvider.System, NullLogger.Instance);

        public Dictionary<int, Joined> Joined { get; } = [];
    }

    /// <param name="Subscriber">The subscriber of the name.</param>
    /// <param name="From">The number of the first message that the peer may receive.</param>
    /// <param name="By">The number of the first message that the peer must receive.</param>
    /// <param name="HasLeft">Whether the peer has unsubscribed, and may miss later messages.</param>
    private sealed record Joined(Subscriber Subscriber, long From, long By, bool HasLeft = false);
}
