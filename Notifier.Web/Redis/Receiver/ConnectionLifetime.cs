namespace Notifier.Redis.Receiver;

/// <summary>Whether the messages of one subscription connection are still delivered. Thread-safe.</summary>
internal sealed class ConnectionLifetime
{
    private volatile bool hasEnded;

    /// <summary>False once the connection was closed or replaced.</summary>
    public bool IsAlive => !hasEnded;

    public void End() => hasEnded = true;
}
