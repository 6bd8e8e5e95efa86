using Notifier.Access;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Messages;

namespace Notifier.Endpoints;

/// <summary>
/// One connection without a subprotocol: each text frame is a name to subscribe to, and a refusal closes it, for there is no
/// other way to tell. Called by the connection's receive loop alone.
/// </summary>
internal sealed class PlainTextSession(Connection connection, SubscriptionHub hub, NameRules rules, LimitsOptions limits)
{
    private readonly Dictionary<Name, Subscriber> held = new(1);
    private int patterns;

    /// <summary>Subscribes to what the address and the configuration say, then to what the client asks for, until it ends.</summary>
    public async Task RunAsync(ClientMessages client, IEnumerable<Name> names)
    {
        foreach (var name in names)
            Subscribe(name);
        while (connection.CloseAsked is null)
        {
            var message = await client.ReadAsync();
            switch (message.Kind)
            {
                case ClientMessageKind.Text:
                    Subscribe(Name.Parse(message.Text));
                    break;
                case ClientMessageKind.Binary:
                    Close(CloseReason.Malformed("send names as text frames, not binary ones"));
                    break;
                case ClientMessageKind.TooBig:
                    Close(CloseReason.FrameTooBig(limits.FrameBytes));
                    break;
                case ClientMessageKind.Close:
                    return;
            }
        }
        await client.DrainAsync();
    }

    /// <summary>Lets go of all names. After the connection was retired.</summary>
    public void End()
    {
        foreach (var subscriber in held.Values)
            hub.Unsubscribe(subscriber);
    }

    private void Subscribe(Name name)
    {
        if (connection.CloseAsked is not null || held.ContainsKey(name))
            return;
        if (Refusal(name) is { } refusal)
        {
            Close(refusal);
            return;
        }
        held.Add(name, hub.Subscribe(connection, name, reason => Close(CloseReason.NotAllowed(reason))));
        if (name.Kind == NameKind.Pattern)
            patterns++;
    }

    private CloseReason? Refusal(Name name)
    {
        if (rules.Check(name) is { } refusal)
            return refusal.Kind == RefusalKind.Malformed ? CloseReason.Malformed(refusal.Message) : CloseReason.NotAllowed(refusal.Message);
        if (held.Count == limits.NamesPerConnection)
            return CloseReason.NotAllowed($"a connection may hold {limits.NamesPerConnection} names");
        if (name.Kind == NameKind.Pattern && patterns == limits.PatternsPerConnection)
            return CloseReason.NotAllowed($"a connection may hold {limits.PatternsPerConnection} patterns");
        return null;
    }

    private void Close(CloseReason reason) => _ = connection.CloseAsync(reason);
}
