using Notifier.History.Durable;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>What a subscriber wants of the messages that came before it.</summary>
/// <param name="After">The position of the last one it has: those after it.</param>
/// <param name="Last">The last so many. With a position: only when that is not known here.</param>
internal readonly record struct ReplayRequest(string? After = null, int? Last = null);

/// <summary>How a subscriber that wants messages from before begins.</summary>
/// <param name="Recovered">Whether all that came since its position follows; null where it gave none.</param>
/// <param name="Code">Why not; see <see cref="Messages.Codes"/>.</param>
/// <param name="NeedsJournal">Whether the log does not have it, and Redis may; see <see cref="Recovery"/>.</param>
internal readonly record struct RecoveryResult(bool? Recovered, string? Code = null, bool NeedsJournal = false);

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
