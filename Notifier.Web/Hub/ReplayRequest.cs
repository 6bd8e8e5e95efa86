using Notifier.History.Durable;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>Which earlier messages a new subscriber wants.</summary>
/// <param name="After">The position of the last message that the client has: those after it.</param>
/// <param name="Last">The last so many. With a position: only if that position is unknown here.</param>
internal readonly record struct ReplayRequest(string? After = null, int? Last = null);

/// <summary>How a subscriber that wants earlier messages starts.</summary>
/// <param name="Recovered">Whether all messages since its position follow; null if it gave none.</param>
/// <param name="Code">Why not; see <see cref="Messages.Codes"/>.</param>
/// <param name="NeedsJournal">Whether the log does not have them, and Redis may.</param>
internal readonly record struct RecoveryResult(bool? Recovered, string? Code = null, bool NeedsJournal = false);

/// <summary>
/// A subscriber's cursor in a page of the journal, before it goes on in a log that does not go back so far. Many subscribers share a page. Only for the
/// connection's owner.
/// </summary>
internal sealed class ReplayCursor(JournalPage page)
{
    /// <summary>Of one slice.</summary>
    private const int MaxMessages = 256;

    private int at;

    /// <summary>The id of the durable message up to which all were sent.</summary>
    public long SentUpTo => IsAtEnd ? page.UpTo : at == 0 ? page.After : page.Messages[at - 1].JournalId;

    public bool IsAtEnd => at == page.Messages.Length;

    /// <summary>Encodes the next messages of the page. Valid until <paramref name="frames"/> is used again.</summary>
    public FrameBatch ReadBatch(WireFormat format, SubscriptionIdentity source, FrameBuffer frames) => format.Encode(
        frames, page.Messages.AsSpan(at, Math.Min(MaxMessages, page.Messages.Length - at)), source, Position.NoNumber);

    public void Advance(int messages) => at += messages;
}
