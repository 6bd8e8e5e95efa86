using Notifier.History.Durable;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>Which earlier messages a new subscriber wants.</summary>
/// <param name="After">All messages after this position, that of the last message that the client has.</param>
/// <param name="Last">This many of the latest messages. If there is a position too, only if Notifier cannot resume from it.</param>
internal readonly record struct RecoveryRequest(string? After = null, int? Last = null);

/// <summary>How a subscriber that wants earlier messages starts.</summary>
/// <param name="Recovered">Whether all messages since its position follow; null if it gave none.</param>
/// <param name="Code">Why messages are missing; see <see cref="ServerCodes"/>.</param>
/// <param name="NeedsJournal">Whether the log lacks messages that the journal may have.</param>
internal readonly record struct RecoveryResult(bool? Recovered, string? Code = null, bool NeedsJournal = false);

/// <summary>
/// A subscriber's cursor in a page of the journal, with messages that precede those of the log. Many subscribers share a page. Used by the connection's
/// owner only.
/// </summary>
internal sealed class RecoveryCursor(JournalPage page)
{
    /// <summary>The most messages of one slice.</summary>
    private const int MaxMessages = 256;

    private int at;

    /// <summary>The id up to which all durable messages were sent.</summary>
    public long SentUpTo => IsAtEnd ? page.UpTo : at == 0 ? page.After : page.Messages[at - 1].JournalId;

    public bool IsAtEnd => at == page.Messages.Length;

    /// <summary>Encodes the next messages of the page. Valid until <paramref name="frames"/> is used again.</summary>
    public FrameBatch ReadBatch(WireFormat format, SubscriptionIdentity source, FrameBuffer frames) => format.Encode(
        frames, page.Messages.AsSpan(at, Math.Min(MaxMessages, page.Messages.Length - at)), source, Position.NoNumber);

    public void Advance(int messages) => at += messages;
}
