using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// A source of frames for one connection: a name that it is subscribed to. All members are called by the connection's owner.
/// </summary>
internal abstract class FrameSource
{
    /// <summary>Whether it has frames that the connection has not been sent.</summary>
    public abstract bool IsBehind { get; }

    /// <summary>Sends one slice of them.</summary>
    public abstract void CatchUp();

    /// <summary>
    /// The small frames that come next, to be sent with those of another source; empty when there are none, or when they cannot be sent that
    /// way. Valid until this thread calls it again.
    /// </summary>
    public virtual FrameBatch Next() => FrameBatch.Nothing(0);

    /// <summary>The first <paramref name="messages"/> of <see cref="Next"/> need not be sent again.</summary>
    public virtual void Advance(int messages)
    {
    }
}
