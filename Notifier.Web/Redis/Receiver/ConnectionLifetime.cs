namespace Notifier.Redis.Receiver;

/// <summary>One subscription connection, while its messages count. Thread-safe.</summary>
internal sealed class ConnectionLifetime
{
    private volatile bool hasEnded;

    /// <summary>False once the connection was closed, or another one has replaced it.</summary>
    public bool IsAlive => !hasEnded;

    public void End() => hasEnded = true;
}
