using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Endpoints.Sessions;

/// <summary>
/// One connection without a subprotocol: each text frame is a name to subscribe to, and a refusal closes it, for there is no
/// other way to tell.
/// </summary>
internal sealed class PlainTextSession(Connection connection, ClientSubscriptions held, LimitsOptions limits) : ClientSession(connection, limits)
{
    private readonly Connection connection = connection;

    protected override string NotBinary => "send names as text frames, not binary ones";

    public override void Begin(IEnumerable<Name> names)
    {
        foreach (var name in names)
            Subscribe(name);
    }

    protected override void Handle(string text) => Subscribe(Name.Parse(text));

    private void Subscribe(Name name)
    {
        if (connection.CloseAsked is not null || held.Contains(name))
            return;
        if (held.TryAdd(name, (_, reason) => Close(CloseReason.NotAllowed(reason)), default, out _) is { } refusal)
            Close(ReasonOf(refusal));
    }

    private static CloseReason ReasonOf(NameRefusal refusal) => refusal.Kind switch
    {
        RefusalKind.Malformed => CloseReason.Malformed(refusal.Message),
        RefusalKind.Overloaded => CloseReason.Overloaded(refusal.Message),
        _ => CloseReason.NotAllowed(refusal.Message),
    };
}
