using Microsoft.AspNetCore.Http.HttpResults;
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
    /// <summary>One for all connections.</summary>
    private NameCheck? check;

    private readonly Name[] defaults = [.. subscriptions.Value.Default.Select(Name.Parse)];

    public Admission Admission => admission;

    public OriginRules Origins => origins;

    public Authenticator Authenticator => authenticator;

    public LimitsOptions Limits => limits.Value;

    public TimeProvider Time => time;

    /// <summary>Why a caller cannot subscribe to a name; null when it can.</summary>
    public NameRefusal? Check(Name name, Grant grant) => rules.Check(name) ?? grant.Check(name);

    /// <summary>
    /// Refuses a connection before it opens: one with patterns, if the patterns of its owner took too long to check; one with many new names, if its address has
    /// replaced too many.
    /// </summary>
    public AdmissionRefusal? CheckNames(ClientAddress address, Caller caller, List<Name> names) =>
        (names.Exists(static name => name.Kind == NameKind.Pattern) ? gate.Rates.CheckNames(ResourceOwner.Of(address, caller)) : null)
        ?? (hub.CheckNew(address, names) is { } refusal ? Admission.TooMany(AdmissionReason.Rate, refusal.Message) : null);

    /// <summary>Refuses an owner whose names, or new grants, took too long to check.</summary>
    public AdmissionRefusal? CheckTime(ResourceOwner owner) => gate.Rates.CheckNames(owner);

    /// <summary>Counts processor time, as <see cref="ThreadTime"/> measures it, for the owner.</summary>
    public void ChargeTime(ResourceOwner owner, TimeSpan time) => gate.Rates.ChargeNames(owner, time);

    /// <summary>Counts a request with a body, or refuses it.</summary>
    public ProblemHttpResult? CheckBody(HttpContext context, ResourceOwner owner) =>
        (gate.Rates.CheckNames(owner) ?? gate.Rates.CheckRate(owner)) is { } refusal ? gate.Refuse(context, refusal) : null;

    /// <summary>A session is refused, and the answer has not begun: it waits if there were many before.</summary>
    public void SlowDown(HttpContext context) => gate.SlowDown(context);

    /// <summary>A request's permits for its body. The caller disposes it.</summary>
    public GatedRequest BeginRequest(ResourceOwner owner) => new(gate, owner);

    /// <summary>The names that every client is subscribed to, as far as the grant allows them.</summary>
    public IEnumerable<Name> DefaultsFor(Grant grant) => defaults.Where(name => grant.Check(name) is null);

    /// <summary>The subscriptions of a new connection: none yet.</summary>
    public ClientSubscriptions SubscriptionsOf(Connection connection, Caller caller) => new(connection, caller.SubscribeGrant, hub, check ??= CheckInTime, limits.Value);

    /// <summary>Registers a connection, and closes it when its caller was disconnected meanwhile. <see cref="Remove"/> must follow, also after an error.</summary>
    public void Add(Connection connection, Caller caller, ConnectionAccess? access)
    {
        connection.Access = access;
        connections.Add(connection);
        if (authenticator.CheckDisconnected(caller) is { } refusal)
            _ = connection.CloseAsync(refusal.ToClose());
    }

    /// <summary>The time that a pattern takes counts for the owner of the connection. A channel takes next to none.</summary>
    private NameRefusal? CheckInTime(Connection connection, Name name, Grant grant)
    {
        if (name.Kind == NameKind.Channel)
            return Check(name, grant);
        var owner = connection.Owner;
        if (gate.Rates.CheckNames(owner) is { } tooMany)
            return NameRefusal.Overloaded(tooMany.Text);
        var began = ThreadTime.Now;
        var refusal = Check(name, grant);
        gate.Rates.ChargeNames(owner, ThreadTime.Since(began));
        return refusal;
    }

    /// <summary>Ends a connection's subscriptions and its registration. Called after the connection was retired.</summary>
    public void Remove(Connection connection, ClientSubscriptions subscriptions)
    {
        subscriptions.Clear();
        connections.Remove(connection);
    }
}
