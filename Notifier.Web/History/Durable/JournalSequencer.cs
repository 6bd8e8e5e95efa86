using System.Text;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.History.Durable;

/// <summary>What is to be done with a message of a name with durable channels.</summary>
internal enum SequenceResult
{
    /// <summary>It is the next one.</summary>
    Accepted,

    /// <summary>It was there before.</summary>
    Repeated,

    /// <summary>Another one comes before it, and has to be fetched.</summary>
    Missing,

    /// <summary>It may be of an epoch that is not known here, or forged: the journal has to be asked.</summary>
    Doubtful,
}

/// <summary>How far the journal was followed in one name, and which message is the next. Not thread-safe, but for <see cref="Epoch"/>.</summary>
internal sealed class JournalSequencer(Name name, DurableChannels channels)
{
    private readonly byte[] ownChannel = Encoding.UTF8.GetBytes(name.Text);
    private JournalEpoch epoch = JournalEpoch.None;
    private SeenMessage? latest;

    /// <summary>The epoch before: what Redis delivered of it last may still wait here when it has ended.</summary>
    private JournalEpoch former = JournalEpoch.None;
    private long formerFollowed;

    /// <summary>The journal was asked, and refused: the next durable message of those that came before that is taken whatever was before it.</summary>
    private bool isBlind;

    public JournalEpoch Epoch => Volatile.Read(ref epoch);

    /// <summary>The id up to which every durable message was accepted, or fetched.</summary>
    public long Followed { get; private set; }

    /// <param name="message">As Redis delivered it.</param>
    /// <param name="isJudged">Whether the journal was asked since it came.</param>
    /// <param name="accepted">The message as clients get it.</param>
    public SequenceResult Check(in Message message, bool isJudged, out Message accepted)
    {
        accepted = message with { JournalId = Followed };
        var mayBeLine = message.Gap == GapCode.None && (message.Channel.IsEmpty || channels.Match(message.Channel.Span));
        if (!mayBeLine || JournalEnvelope.Parse(message.Payload.Span) is not { } line)
            return SequenceResult.Accepted;
        if (line.Epoch == former.Text)
        {
            // What it says was published, and is no longer kept.
            if (line.Id <= formerFollowed)
                return SequenceResult.Repeated;
            accepted = message.WithoutBeginning(line.Length) with { JournalId = Followed };
            return SequenceResult.Accepted;
        }
        if (line.Epoch != epoch.Text)
            return isJudged ? SequenceResult.Accepted : SequenceResult.Doubtful;
        if (line.Id <= Followed)
            return SequenceResult.Repeated;
        if (line.Previous > Followed && !(isBlind && isJudged))
            return SequenceResult.Missing;
        isBlind = false;
        Followed = line.Id;
        latest = new(epoch, message.Channel.IsEmpty ? ownChannel : message.Channel, line.Id);
        accepted = message.WithoutBeginning(line.Length) with { JournalId = line.Id };
        return SequenceResult.Accepted;
    }

    /// <summary>The latest durable message that was accepted since this was last asked.</summary>
    public SeenMessage? TakeLatest()
    {
        var taken = latest;
        latest = null;
        return taken;
    }

    /// <summary>Begins at an id, or earlier: what has come since Redis confirmed the name is for those who were first.</summary>
    public void Begin(long id, List<Message> held)
    {
        foreach (var message in held)
        {
            if (JournalEnvelope.Parse(message.Payload.Span) is { } line && line.Epoch == epoch.Text)
                id = Math.Min(id, line.Id - 1);
        }
        Followed = id;
    }

    /// <summary>All up to there was fetched.</summary>
    public void Advance(long id)
    {
        isBlind = false;
        Followed = Math.Max(Followed, id);
    }

    /// <summary>The journal has begun anew.</summary>
    public void ChangeEpoch(JournalEpoch now)
    {
        (former, formerFollowed) = (epoch, Followed);
        Volatile.Write(ref epoch, now);
        Followed = now.Since - 1;
    }

    /// <summary>What is missing cannot be had. (What comes later may miss something that can be.)</summary>
    public void SkipMissing() => isBlind = true;
}
