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

    /// <summary>Its envelope has an unknown epoch, which may be new or forged: the journal must be read.</summary>
    UnknownEpoch,
}

/// <summary>
/// Tracks how far the log of one name has followed the journal, and checks which message is the next. Not thread-safe, except for <see cref="Epoch"/> and
/// <see cref="Appended"/>.
/// </summary>
internal sealed class JournalSequencer(Name name, DurableChannels channels)
{
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

    /// <param name="message">As Redis delivered it.</param>
    /// <param name="isBeforeFetch">Whether it came before the latest fetch, so that a new epoch would be known.</param>
    /// <param name="accepted">The message as clients receive it.</param>
    public SequenceResult Check(in Message message, bool isBeforeFetch, out Message accepted)
    {
        accepted = message with { JournalId = Followed };
        var mayHaveEnvelope = message.Gap == GapCode.None && (message.Channel.IsEmpty || channels.Contains(message.Channel.Span));
        if (!mayHaveEnvelope || JournalEnvelope.Parse(message.Payload.Span) is not { } envelope)
            return SequenceResult.Accepted;
        if (envelope.Epoch == former.Secret)
        {
            // The message was published, but the journal no longer keeps it.
            if (envelope.Id <= formerFollowed)
                return SequenceResult.Repeated;
            accepted = message.WithoutBeginning(envelope.Length) with { JournalId = Followed };
            return SequenceResult.Accepted;
        }
        if (envelope.Epoch != epoch.Secret)
            return isBeforeFetch ? SequenceResult.Accepted : SequenceResult.UnknownEpoch;
        if (envelope.Id <= Followed)
            return SequenceResult.Repeated;
        if (envelope.Previous > Followed && !(skipsMissing && isBeforeFetch))
            return SequenceResult.Missing;
        skipsMissing = false;
        Followed = envelope.Id;
        latest = new(epoch, message.Channel.IsEmpty ? ownChannel : message.Channel, envelope.Id);
        accepted = message.WithoutBeginning(envelope.Length) with { JournalId = envelope.Id };
        return SequenceResult.Accepted;
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

    /// <summary>Begins at an id, or before the first waiting message: the first subscribers receive all messages since Redis confirmed the name.</summary>
    public void Begin(long id, ReadOnlySpan<Message> waiting)
    {
        foreach (ref readonly var message in waiting)
        {
            if (JournalEnvelope.Parse(message.Payload.Span) is { } envelope && envelope.Epoch == epoch.Secret)
                id = Math.Min(id, envelope.Id - 1);
        }
        Followed = id;
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

    /// <summary>The missing messages cannot be fetched. (A later fetch, of other missing messages, may succeed.)</summary>
    public void SkipMissing() => skipsMissing = true;
}
