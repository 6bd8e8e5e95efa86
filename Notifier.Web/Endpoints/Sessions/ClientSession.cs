using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Endpoints.Sessions;

/// <summary>Handles what a client sends, until the connection ends. Called by the connection's receive loop alone.</summary>
internal abstract class ClientSession(Connection connection, LimitsOptions limits) : IDisposable
{
    /// <summary>After so many reads, the receive loop leaves its thread to others.</summary>
    private const int ReadsAtOnce = 64;

    private readonly RateLimit commands = new(limits.CommandsPerSecond, limits.CommandBurst);

    /// <summary>The limit of a message from the client, in bytes.</summary>
    public virtual int FrameBytes => limits.FrameBytes;

    /// <summary>Subscribes to the names of the address and of the configuration. Before <see cref="RunAsync"/>.</summary>
    public abstract void Begin(IEnumerable<Name> names);

    /// <returns>How the connection ended: <see cref="ClientMessageKind.Close"/> or <see cref="ClientMessageKind.Lost"/>.</returns>
    public async Task<ClientMessage> RunAsync(ClientReader client)
    {
        var isDraining = false;
        for (var reads = 1; ; reads++)
        {
            if (!isDraining)
            {
                await WhenReadyAsync();
                if (isDraining = connection.CloseRequested is not null)
                {
                    await WhenDoneAsync();
                    client.Drain();
                }
            }
            if (reads % ReadsAtOnce == 0)
                await Task.Yield();
            try
            {
                if (client.TryRead(await client.WaitAsync(), out var message) && Handle(message))
                    return message;
            }
            catch (Exception error) when (ClientReader.IsLoss(error))
            {
                return new(ClientMessageKind.Lost, error.Message);
            }
        }
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

    /// <returns>Whether the connection has ended.</returns>
    private bool Handle(ClientMessage message)
    {
        switch (message.Kind)
        {
            case ClientMessageKind.Text when !commands.TryAcquire():
                Close(CloseReason.TooManyCommands(limits.CommandsPerSecond));
                return false;
            case ClientMessageKind.Text:
                Handle(message.Text);
                return false;
            case ClientMessageKind.Binary:
                Close(CloseReason.Malformed(NotBinary));
                return false;
            case ClientMessageKind.TooBig:
                Close(CloseReason.FrameTooBig(FrameBytes));
                return false;
            case ClientMessageKind.TooManyFrames:
                Close(CloseReason.TooManyFrames);
                return false;
            case ClientMessageKind.Close or ClientMessageKind.Lost:
                return true;
        }
        throw new ArgumentOutOfRangeException(nameof(message), message.Kind, "not a kind of message");
    }

    protected ClientAddress Address => connection.Ticket.Address;

    protected void Close(CloseReason reason) => _ = connection.CloseAsync(reason);
}
