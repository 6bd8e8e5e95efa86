using System.Text;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.History.Durable;

/// <summary>What happens to a message of a name with durable channels.</summary>
internal enum SequenceResult
{
    /// <summary>It is the next one.</summary>
    Accepted,

    /// <summary>The log had it before.</summary>
    Repeated,

    /// <summary>Another one precedes it and must be fetched.</summary>
    Missing,

    /// <summary>Its line may belong to a new epoch, or be forged: only the journal can tell.</summary>
    Doubtful,
}

/// <summary>
/// How far the log of one name has followed the journal, and which message is the next. Not thread-safe, except for <see cref="Epoch"/> and
/// <see cref="Appended"/>.
/// </summary>
internal sealed class JournalSequencer(Name name, DurableChannels channels)
{
    private readonly byte[] ownChannel = Encoding.UTF8.GetBytes(name.Text);
    private JournalEpoch epoch = JournalEpoch.None;
    private SeenMessage? latest;
    private long appended;

    /// <summary>The previous epoch. Messages that Redis delivered before it ended may still wait.</summary>
    private JournalEpoch former = JournalEpoch.None;
    private long formerFollowed;

    /// <summary>Redis refused to return what is missing: the next durable message that came before that is accepted whatever precedes it.</summary>
    private bool skipsMissing;

    public JournalEpoch Epoch => Volatile.Read(ref epoch);

    /// <summary>The id up to which every durable message was accepted, or fetched.</summary>
    public long Followed { get; private set; }

    /// <summary>The id up to which every durable message is in the log, or precedes it.</summary>
    public long Appended => Volatile.Read(ref appended);

    /// <param name="message">As Redis delivered it.</param>
    /// <param name="isBeforeFetch">Whether the journal was read after it came.</param>
    /// <param name="accepted">The message as clients receive it.</param>
    public SequenceResult Check(in Message message, bool isBeforeFetch, out Message accepted)
    {
        accepted = message with { JournalId = Followed };
        var mayHaveEnvelope = message.Gap == GapCode.None && (message.Channel.IsEmpty || channels.Contains(message.Channel.Span));
        if (!mayHaveEnvelope || JournalEnvelope.Parse(message.Payload.Span) is not { } envelope)
            return SequenceResult.Accepted;
        if (envelope.Epoch == former.Text)
        {
            // The message was published, but the journal no longer keeps it.
            if (envelope.Id <= formerFollowed)
                return SequenceResult.Repeated;
            accepted = message.WithoutBeginning(envelope.Length) with { JournalId = Followed };
            return SequenceResult.Accepted;
        }
        if (envelope.Epoch != epoch.Text)
            return isBeforeFetch ? SequenceResult.Accepted : SequenceResult.Doubtful;
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

    /// <summary>All that was accepted or fetched is in the log.</summary>
    public void OnAppended() => Volatile.Write(ref appended, Followed);

    /// <summary>Begins at an id, or before the first message that waits: what came since Redis confirmed the name belongs to the first subscribers.</summary>
    public void Begin(long id, ReadOnlySpan<Message> waiting)
    {
        foreach (ref readonly var message in waiting)
        {
            if (JournalEnvelope.Parse(message.Payload.Span) is { } envelope && envelope.Epoch == epoch.Text)
                id = Math.Min(id, envelope.Id - 1);
        }
        Followed = id;
    }

    /// <summary>All up to that id was fetched.</summary>
    public void Advance(long id)
    {
        skipsMissing = false;
        Followed = Math.Max(Followed, id);
    }

    /// <summary>A new epoch of the journal has begun.</summary>
    public void ChangeEpoch(JournalEpoch now)
    {
        (former, formerFollowed) = (epoch, Followed);
        Volatile.Write(ref epoch, now);
        Followed = now.Since - 1;
    }

    /// <summary>What is missing cannot be fetched. (Later messages may lack something that can be.)</summary>
    public void SkipMissing() => skipsMissing = true;
}
