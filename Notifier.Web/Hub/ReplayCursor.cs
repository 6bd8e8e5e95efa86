using Notifier.History;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// What a subscriber gets of the journal before it goes on in the log, which does not go back so far: a page, and then the next. Many share
/// a page. Owned by the owner.
/// </summary>
internal sealed class ReplayCursor(JournalPage page)
{
    /// <summary>Of one slice.</summary>
    private const int MaxMessages = 256;

    private int at;

    /// <summary>Up to here all was sent.</summary>
    public long SentUpTo => IsOver ? page.UpTo : at == 0 ? page.After : page.Messages[at - 1].JournalId;

    public bool IsOver => at == page.Messages.Length;

    public FrameBatch ReadBatch(WireFormat format, SubscriptionIdentity source) => format.Encode(
        DispatchBuffers.ForThisThread.Frames, page.Messages.AsSpan(at, Math.Min(MaxMessages, page.Messages.Length - at)), source, Position.NoNumber);

    public void Advance(int messages) => at += messages;
}
