using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Endpoints.Sessions;

/// <summary>What a client says, until it ends. Called by the connection's receive loop alone.</summary>
internal abstract class ClientSession(Connection connection, LimitsOptions limits) : IDisposable
{
    private readonly Rate commands = new(limits.CommandsPerSecond, limits.CommandBurst);

    /// <summary>Subscribes to what the address and the configuration say. Before <see cref="RunAsync"/>.</summary>
    public abstract void Begin(IEnumerable<Name> names);

    /// <returns>How it ended: <see cref="ClientMessageKind.Close"/> or <see cref="ClientMessageKind.Lost"/>.</returns>
    public async Task<ClientMessage> RunAsync(ClientReader client)
    {
        while (connection.CloseAsked is null)
        {
            await WhenReadyAsync();
            var message = await client.ReadAsync();
            switch (message.Kind)
            {
                case ClientMessageKind.Text when !commands.TryAcquire():
                    Close(CloseReason.TooManyCommands(limits.CommandsPerSecond));
                    break;
                case ClientMessageKind.Text:
                    Handle(message.Text);
                    break;
                case ClientMessageKind.Binary:
                    Close(CloseReason.Malformed(NotBinary));
                    break;
                case ClientMessageKind.TooBig:
                    Close(CloseReason.FrameTooBig(limits.FrameBytes));
                    break;
                case ClientMessageKind.Close or ClientMessageKind.Lost:
                    return message;
            }
        }
        await WhenDoneAsync();
        return await client.DrainAsync();
    }

    public virtual void Dispose() => commands.Dispose();

    /// <summary>What is said to a client that sends binary frames.</summary>
    protected abstract string NotBinary { get; }

    /// <summary>Completes when the client may say more.</summary>
    protected virtual Task WhenReadyAsync() => Task.CompletedTask;

    /// <summary>Completes when nothing goes on any more that the last message has begun.</summary>
    protected virtual Task WhenDoneAsync() => Task.CompletedTask;

    /// <summary>One text message. Never waits.</summary>
    protected abstract void Handle(string text);

    protected void Close(CloseReason reason) => _ = connection.CloseAsync(reason);
}
