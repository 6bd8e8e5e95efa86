using Notifier.Access;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Endpoints.Sessions;

/// <summary>Clients without a subprotocol. They can authenticate in the handshake only.</summary>
internal class PlainTextProtocol : WebSocketProtocol
{
    public override string? Subprotocol => null;

    public override WireFormat Format => PlainText.Format;

    public override AccessRefusal? CheckCaller(ConnectionHost host, Caller caller) => host.Authenticator.RequireAuthentication(caller, caller.SubscribeGrant);

    public override ClientSession Open(ConnectionHost host, Connection connection, ClientSubscriptions subscriptions) =>
        new PlainTextSession(connection, subscriptions, host.Limits);
}

/// <summary>
/// One connection without a subprotocol: each text frame is a name to subscribe to. A refusal closes the connection, because the format
/// has no error frame.
/// </summary>
internal sealed class PlainTextSession(Connection connection, ClientSubscriptions subscriptions, LimitsOptions limits) : ClientSession(connection, limits)
{
    private readonly Connection connection = connection;

    protected override string NotBinary => "send names as text frames, not binary frames";

    public override void Begin(IEnumerable<Name> names)
    {
        foreach (var name in names)
            Subscribe(name);
    }

    protected override void Handle(string text) => Subscribe(Name.Parse(text));

    private void Subscribe(Name name)
    {
        if (connection.CloseRequested is not null || subscriptions.Contains(name))
            return;
        if (!subscriptions.TryAdd(name, (_, reason) => Close(CloseReason.NotAllowed(reason)), default, out _, out var refusal))
            Close(ReasonOf(refusal));
    }

    private static CloseReason ReasonOf(NameRefusal refusal) => refusal.Kind switch
    {
        RefusalKind.Malformed => CloseReason.Malformed(refusal.Message),
        RefusalKind.Overloaded => CloseReason.Overloaded(refusal.Message),
        _ => CloseReason.NotAllowed(refusal.Message),
    };
}
