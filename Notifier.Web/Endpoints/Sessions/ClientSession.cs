using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Endpoints.Sessions;

/// <summary>Handles what a client sends, until the connection ends. Called by the connection's receive loop alone.</summary>
internal abstract class ClientSession(Connection connection, LimitsOptions limits) : IDisposable
{
    private readonly RateLimit commands = new(limits.CommandsPerSecond, limits.CommandBurst);

    /// <summary>The limit of a message from the client, in bytes.</summary>
    public virtual int FrameBytes => limits.FrameBytes;

    /// <summary>Subscribes to the names of the address and of the configuration. Before <see cref="RunAsync"/>.</summary>
    public abstract void Begin(IEnumerable<Name> names);

    /// <returns>How the connection ended: <see cref="ClientMessageKind.Close"/> or <see cref="ClientMessageKind.Lost"/>.</returns>
    public async Task<ClientMessage> RunAsync(ClientReader client)
    {
        while (true)
        {
            await WhenReadyAsync();
            if (connection.CloseRequested is not null)
                break;
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
                    Close(CloseReason.FrameTooBig(FrameBytes));
                    break;
                case ClientMessageKind.Close or ClientMessageKind.Lost:
                    return message;
            }
        }
        await WhenDoneAsync();
        return await client.DrainAsync();
    }

    public virtual void Dispose() => commands.Dispose();

    /// <summary>The close reason for a client that sends binary frames.</summary>
    protected abstract string NotBinary { get; }

    /// <summary>Completes when the next message may be read.</summary>
    protected virtual Task WhenReadyAsync() => Task.CompletedTask;

    /// <summary>Completes when all work that the last message started has ended.</summary>
    protected virtual Task WhenDoneAsync() => Task.CompletedTask;

    /// <summary>Handles one text message. Never waits.</summary>
    protected abstract void Handle(string text);

    protected ClientAddress Address => connection.Address;

    protected void Close(CloseReason reason) => _ = connection.CloseAsync(reason);
}
