using Notifier.Messages;

namespace Notifier.Redis.Receiver;

/// <summary>The second step after a read: broadcasts the messages that deliveries have appended. Used by the thread that reads.</summary>
internal sealed class BroadcastQueue(DeliveryHelpers helpers, AnswerPause pause)
{
    /// <summary>The names of the next batch.</summary>
    private readonly List<IBroadcast> waiting = [];

    private BroadcastBatch batch = new();

    /// <summary>Whether names wait for the next batch.</summary>
    public bool HasWaiting => waiting.Count > 0;

    public bool IsEmpty => batch.IsEmpty && waiting.Count == 0;

    /// <summary>Ends a delivery and queues its broadcasts. If the thread was replaced meanwhile, it runs them itself.</summary>
    /// <returns>False when another thread reads.</returns>
    public bool TryEndDelivery(ReaderThread reader)
    {
        if (reader.TryLeave())
        {
            waiting.AddRange(reader.Due);
            reader.Due.Clear();
            return true;
        }
        foreach (var left in reader.Due)
            left.Drain();
        return false;
    }

    /// <returns>False when another thread reads.</returns>
    public bool Broadcast(ReaderThread reader)
    {
        if (batch.IsEmpty && waiting.Count > 0)
        {
            if (batch.IsShared)
                batch = new();
            batch.Fill(waiting);
            batch.Share(helpers);
        }
        while (batch.TryTake(out var broadcast))
        {
            reader.Enter();
            var done = broadcast.Broadcast(reader.OnSent);
            if (!reader.TryLeave())
            {
                if (done.HasMore)
                    broadcast.Drain();
                return false;
            }
            if (done.HasMore)
                waiting.Add(broadcast);
            pause.OnBroadcast(done);
        }
        return true;
    }
}
