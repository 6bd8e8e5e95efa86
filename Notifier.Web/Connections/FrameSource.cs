using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// A source of frames for one connection: a name that it is subscribed to. All members are called by the connection's owner.
/// </summary>
internal abstract class FrameSource
{
    /// <summary>Whether the source has frames that were not sent yet.</summary>
    public abstract bool IsBehind { get; }

    /// <summary>Sends some of the frames that were not sent yet.</summary>
    public abstract void CatchUp();

    /// <summary>
    /// The next small frames, to be sent with those of another source; empty if there are none, or if the next frame must be sent alone. Valid
    /// until this thread calls the method again.
    /// </summary>
    public virtual FrameBatch Next() => FrameBatch.Nothing(0);

    /// <summary>The first <paramref name="messages"/> of <see cref="Next"/> need not be sent again.</summary>
    public virtual void Advance(int messages)
    {
    }
}
