using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.History;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Tests.Support;

/// <summary>
/// A name and its subscribed connections, without Redis and Kestrel. Tests and <c>bench/Notifier.Bench</c> measure the path of a message
/// with it.
/// </summary>
internal sealed class SubscriberGroup
{
    /// <summary>The number of messages in the log. A full log needs no more memory.</summary>
    public const int Kept = 64;

    public SubscriberGroup(IEnumerable<Transport> transports)
    {
        Subscription = new Subscription(Name.Channel("news"), Traits(new RecentOptions { Messages = Kept, Age = TimeSpan.FromDays(1) }, Meters));
        Connections = [.. transports.Select(Connect)];
        foreach (var connection in Connections)
            Join(connection);
    }

    /// <summary>The factory of instruments that belong only to this group.</summary>
    public IMeterFactory Meters { get; } = NewMeters();

    public Subscription Subscription { get; }

    public Connection[] Connections { get; }

    /// <summary>What all subscriptions share, built from a node's configuration.</summary>
    public static SubscriptionContext Traits(RecentOptions recent, IMeterFactory? meters = null, DeliveryHelpers? helpers = null) => new(
        Options.Create(recent), Options.Create(new LimitsOptions()), new HubMetrics(meters ?? NewMeters()), TimeProvider.System, NullLogger<SubscriptionContext>.Instance,
        helpers: helpers);

    private static IMeterFactory NewMeters() => new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>();

    public static Connection Connect(Transport transport) => new(transport, PlainText.Format, static () => { }, TimeProvider.System, NullLogger.Instance);

    public Subscriber Join(Connection connection)
    {
        var subscriber = new Subscriber(connection, Subscription);
        SubscriberExtensions.Join(subscriber);
        return subscriber;
    }
}

internal static class SubscriberExtensions
{
    /// <summary>Joins as the hub does.</summary>
    public static void Join(this Subscriber subscriber)
    {
        subscriber.Join();
        subscriber.Start();
    }

    /// <summary>Appends a gap as after the loss of a connection to Redis.</summary>
    public static void NoteGap(this Subscription subscription, GapCode code) => subscription.AppendAndBroadcast([Message.GapOf(code)]);
}
