using System.Diagnostics;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Access.Origins;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Endpoints.Http;
using Notifier.Hub;
using Notifier.Names;

namespace Notifier.Endpoints.Sessions;

/// <summary>
/// What all connections need, whatever their transport and wire format: origin check, authentication, admission, and registration from the
/// beginning to the end. Thread-safe.
/// </summary>
internal sealed class ConnectionHost(
    SubscriptionHub hub, Admission admission, ConnectionRegistry connections, NameRules rules, OriginRules origins, Authenticator authenticator,
    RequestGate gate, TimeProvider time, IOptions<LimitsOptions> limits, IOptions<SubscriptionsOptions> subscriptions)
{
    private readonly Name[] defaults = [.. subscriptions.Value.Default.Select(Name.Parse)];

    public Admission Admission => admission;

    public OriginRules Origins => origins;

    public Authenticator Authenticator => authenticator;

    public LimitsOptions Limits => limits.Value;

    public TimeProvider Time => time;

    /// <summary>Why a caller cannot subscribe to a name; null when it can.</summary>
    public NameRefusal? Check(Name name, Grant grant) => rules.Check(name) ?? grant.Check(name);

    /// <summary>
    /// Checks the patterns of an address (URL) before the connection opens, and counts the time. A client that opens connections with expensive patterns all
    /// the time is refused.
    /// </summary>
    public AdmissionRefusal? CheckPatterns(HttpContext context, Caller caller, List<Name> names)
    {
        if (!names.Exists(static name => name.Kind == NameKind.Pattern))
            return null;
        var owner = ResourceOwner.Of(admission.AddressOf(context), caller);
        if (gate.CheckNames(owner) is { } refusal)
            return refusal;
        var began = Stopwatch.GetTimestamp();
        names.ForEach(name => Check(name, caller.SubscribeGrant));
        gate.ChargeNames(owner, Stopwatch.GetElapsedTime(began));
        return null;
    }

    /// <summary>A request's permits for its body. The caller disposes it.</summary>
    public GatedRequest BeginRequest(ResourceOwner owner) => new(gate, owner);

    /// <summary>The names that every client is subscribed to, as far as the grant allows them.</summary>
    public IEnumerable<Name> DefaultsFor(Grant grant) => defaults.Where(name => grant.Check(name) is null);

    /// <summary>The subscriptions of a new connection: none yet.</summary>
    public ClientSubscriptions SubscriptionsOf(Connection connection, Caller caller) => new(connection, caller.SubscribeGrant, hub, rules, limits.Value);

    /// <summary>Registers a connection, and closes it when its caller was disconnected meanwhile. <see cref="Remove"/> must follow, also after an error.</summary>
    public void Add(Connection connection, Caller caller, ConnectionAccess? access)
    {
        connection.Access = access;
        connections.Add(connection);
        if (authenticator.CheckDisconnected(caller) is { } refusal)
            _ = connection.CloseAsync(refusal.ToClose());
    }

    /// <summary>Ends a connection's subscriptions and its registration. Called after the connection was retired.</summary>
    public void Remove(Connection connection, ClientSubscriptions subscriptions)
    {
        subscriptions.Clear();
        connections.Remove(connection);
    }
}
