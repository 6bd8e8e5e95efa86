using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// Something that a connection follows and that may have frames for it: a name it holds, as the connection sees it. All
/// members are called by the connection's owner.
/// </summary>
internal abstract class FrameSource
{
    /// <summary>Whether there is something that the connection has not been sent yet.</summary>
    public abstract bool IsBehind { get; }

    /// <summary>Sends one slice of it.</summary>
    public abstract void CatchUp();

    /// <summary>
    /// The small frames that come next, to be sent with those of another feed; nothing when there are none, or when it takes more than
    /// that. Valid until this thread asks again.
    /// </summary>
    public virtual FrameBatch Next() => FrameBatch.Nothing(0);

    /// <summary>So many messages of <see cref="Next"/> need not be sent again.</summary>
    public virtual void Advance(int messages)
    {
    }
}
