using Notifier.Access;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Messages;

namespace Notifier.Endpoints;

/// <summary>
/// One connection without a subprotocol: each text frame is a name to subscribe to, and a refusal closes it, for there is no
/// other way to tell. Called by the connection's receive loop alone.
/// </summary>
internal sealed class PlainTextSession(Connection connection, HeldNames held, LimitsOptions limits)
{
    /// <summary>Subscribes to what the address and the configuration say. Before <see cref="RunAsync"/>.</summary>
    public void Subscribe(IEnumerable<Name> names)
    {
        foreach (var name in names)
            Subscribe(name);
    }

    /// <summary>Subscribes to what the client asks for, until it ends.</summary>
    /// <returns>How it ended: <see cref="ClientMessageKind.Close"/> or <see cref="ClientMessageKind.Lost"/>.</returns>
    public async Task<ClientMessage> RunAsync(ClientMessages client)
    {
        using var commands = new Rate(limits.CommandsPerSecond, limits.CommandBurst);
        while (connection.CloseAsked is null)
        {
            var message = await client.ReadAsync();
            switch (message.Kind)
            {
                case ClientMessageKind.Text when !commands.TryTake():
                    Close(CloseReason.TooManyCommands(limits.CommandsPerSecond));
                    break;
                case ClientMessageKind.Text:
                    Subscribe(Name.Parse(message.Text));
                    break;
                case ClientMessageKind.Binary:
                    Close(CloseReason.Malformed("send names as text frames, not binary ones"));
                    break;
                case ClientMessageKind.TooBig:
                    Close(CloseReason.FrameTooBig(limits.FrameBytes));
                    break;
                case ClientMessageKind.Close or ClientMessageKind.Lost:
                    return message;
            }
        }
        return await client.DrainAsync();
    }

    private void Subscribe(Name name)
    {
        if (connection.CloseAsked is not null || held.Contains(name))
            return;
        if (held.TryAdd(name, reason => Close(CloseReason.NotAllowed(reason))) is { } refusal)
            Close(ReasonOf(refusal));
    }

    private static CloseReason ReasonOf(NameRefusal refusal) => refusal.Kind switch
    {
        RefusalKind.Malformed => CloseReason.Malformed(refusal.Message),
        RefusalKind.Overloaded => CloseReason.Overloaded(refusal.Message),
        _ => CloseReason.NotAllowed(refusal.Message),
    };

    private void Close(CloseReason reason) => _ = connection.CloseAsync(reason);
}
