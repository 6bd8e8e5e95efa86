using System.Text;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.History.Durable;

/// <summary>The result of checking a message of a name with durable channels.</summary>
internal enum SequenceResult
{
    /// <summary>It is the next message.</summary>
    Accepted,

    /// <summary>The log already has it.</summary>
    Repeated,

    /// <summary>A message before it is missing and must be fetched.</summary>
    Missing,

    /// <summary>
    /// Its line is not proven: it is forged, or of a new epoch, or an earlier version of notifier.lua has written it. The journal must be read: it has the
    /// message if it is genuine.
    /// </summary>
    Doubtful,

    /// <summary>The journal was read after the message had arrived. If it was genuine, the log has it now.</summary>
    Settled,
}

/// <summary>
/// Tracks how far the log of one name has followed the journal, and checks which message is the next. Not thread-safe, except for <see cref="Epoch"/> and
/// <see cref="Appended"/>.
/// </summary>
/// <remarks>A message with a line that is not proven never reaches the log from here, only from the journal.</remarks>
/// <param name="name">The name.</param>
/// <param name="prefix">Precedes its channels in Redis.</param>
/// <param name="unkept">Receives messages without a line.</param>
internal sealed class JournalSequencer(Name name, ReadOnlyMemory<byte> prefix, UnkeptMessages? unkept = null)
{
    /// <summary>
    /// How long before the journal's head a line without a MAC may be when the log begins. It only makes the log begin a little earlier, so it need not be
    /// proven.
    /// </summary>
    private const long MaxUnprovenAge = 60_000_000;

    private readonly byte[] ownChannel = Encoding.UTF8.GetBytes(name.Text);
    private JournalEpoch epoch = JournalEpoch.None;
    private SeenMessage? latest;
    private long appended;

    /// <summary>The previous epoch: messages that Redis delivered during that epoch may still wait.</summary>
    private JournalEpoch former = JournalEpoch.None;
    private long formerFollowed;

    /// <summary>
    /// The latest fetch did not return the missing messages. The next durable message that came before that fetch is accepted without its predecessor.
    /// </summary>
    private bool skipsMissing;

    public JournalEpoch Epoch => Volatile.Read(ref epoch);

    /// <summary>The id up to which every durable message was accepted, or fetched.</summary>
    public long Followed { get; private set; }

    /// <summary>The id up to which every durable message is in the log, or precedes it.</summary>
    public long Appended => Volatile.Read(ref appended);

    /// <param name="message">As Redis delivered it. If its channel is not durable, without a line.</param>
    /// <param name="isBeforeFetch">Whether it came before the latest fetch, so that the fetch has returned it if it is genuine.</param>
    /// <param name="accepted">The message as clients receive it.</param>
    public SequenceResult Check(in Message message, bool isBeforeFetch, out Message accepted)
    {
        accepted = message with { JournalId = Followed };
        if (!JournalEnvelope.MayBegin(message) || !JournalEnvelope.TryParse(message.Payload.Span, out var envelope))
        {
            if (message.Gap == GapCode.None)
                unkept?.OnDelivered(ChannelOf(message).Span);
            return SequenceResult.Accepted;
        }
        if (envelope.IsOf(epoch))
        {
            if (envelope.Id <= Followed)
                return SequenceResult.Repeated;
            if (IsGenuine(envelope, epoch, message))
            {
                if (envelope.Previous > Followed && !(skipsMissing && isBeforeFetch))
                    return SequenceResult.Missing;
                skipsMissing = false;
                Followed = envelope.Id;
                latest = new(epoch, ChannelOf(message), envelope.Id);
                accepted = message.WithoutBeginning(envelope.Length) with { JournalId = envelope.Id };
                return SequenceResult.Accepted;
            }
        }
        else if (envelope.IsOf(former) && IsGenuine(envelope, former, message))
        {
            // The message was published, but the journal no longer keeps it.
            accepted = message.WithoutBeginning(envelope.Length) with { JournalId = Followed };
            return envelope.Id <= formerFollowed ? SequenceResult.Repeated : SequenceResult.Accepted;
        }
        return isBeforeFetch ? SequenceResult.Settled : SequenceResult.Doubtful;
    }

    /// <summary>The latest durable message that was accepted since the previous call.</summary>
    public SeenMessage? PopLatest()
    {
        var popped = latest;
        latest = null;
        return popped;
    }

    /// <summary>All accepted and fetched messages are in the log.</summary>
    public void OnAppended() => Volatile.Write(ref appended, Followed);

    /// <summary>Begins at the journal's head, or before the first waiting message: the first subscribers receive all messages since Redis confirmed the name.</summary>
    /// <returns>Whether the journal has waiting messages whose lines have no MAC: they must be fetched.</returns>
    public bool Begin(JournalHead head, ReadOnlySpan<Message> waiting)
    {
        Followed = head.Id;
        var mustFetch = false;
        foreach (ref readonly var message in waiting)
        {
            if (!JournalEnvelope.TryParse(message.Payload.Span, out var envelope) || !envelope.IsOf(epoch) || envelope.Id > Followed)
                continue;
            var isUnproven = !envelope.IsSigned && envelope.Id > head.Now - MaxUnprovenAge;
            if (!isUnproven && !IsGenuine(envelope, epoch, message))
                continue;
            Followed = envelope.Id - 1;
            mustFetch |= isUnproven;
        }
        return mustFetch;
    }

    /// <summary>All messages up to that id were fetched.</summary>
    public void Advance(long id)
    {
        skipsMissing = false;
        Followed = Math.Max(Followed, id);
    }

    /// <summary>A new epoch of the journal has begun.</summary>
    public void ChangeEpoch(JournalEpoch next)
    {
        (former, formerFollowed) = (epoch, Followed);
        Volatile.Write(ref epoch, next);
        Followed = next.Since - 1;
    }

    /// <summary>The epoch is the same, but it may have got a key.</summary>
    public void UpdateKey(JournalEpoch same)
    {
        if (same.Key.Length > 0)
            Volatile.Write(ref epoch, same);
    }

    /// <summary>The missing messages cannot be fetched. (A later fetch, of other missing messages, may succeed.)</summary>
    public void SkipMissing() => skipsMissing = true;

    private bool IsGenuine(in JournalEnvelope envelope, JournalEpoch of, in Message message) => envelope.IsSigned && JournalMac.IsGenuine(
        of.Key, envelope, prefix.Span, ChannelOf(message).Span, message.Payload.Span[envelope.Length..]);

    /// <summary>Without the prefix in Redis.</summary>
    private ReadOnlyMemory<byte> ChannelOf(in Message message) => message.Channel.IsEmpty ? ownChannel : message.Channel;
}
