namespace Notifier.Connections;

/// <summary>
/// Something that a connection follows and that may have frames for it: a name it holds, as the connection sees it. All
/// members are called by the connection's holder.
/// </summary>
internal abstract class Feed
{
    /// <summary>Whether there is something that the connection has not been sent yet.</summary>
    public abstract bool IsBehind { get; }

    /// <summary>Sends one slice of it.</summary>
    public abstract void CatchUp();
}
