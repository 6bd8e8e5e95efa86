using System.Threading.Channels;
using Notifier.Messages;
using StackExchange.Redis;

namespace Notifier.Hub;

/// <summary>
/// What Redis delivers for one name: passed on by one loop, in the order in which it comes, and no step of it waits for a
/// browser.
/// </summary>
internal abstract class Intake(Name name, SubscriptionTraits traits)
{
    /// <summary>
    /// More deliveries than this waiting in the library's queue, which has no bound of its own, are dropped: a gap that is
    /// told beats a process that runs out of memory.
    /// </summary>
    private const int MostWaiting = 100_000;

    /// <summary>What comes during this pause after a long pass goes into the next one.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);

    /// <summary>A pass that took less is followed by no pause, which so takes a fifth of the time at most.</summary>
    private static readonly TimeSpan LongPass = TimeSpan.FromMilliseconds(4);

    public Name Name => name;

    protected SubscriptionTraits Traits => traits;

    /// <summary>
    /// Passes on what Redis delivers, until the name has left Redis. While a pass runs, messages arrive for the next one:
    /// batches form by themselves, and at low rates nothing waits.
    /// </summary>
    /// <remarks>
    /// A pass costs a system call for each subscriber, however many messages it carries. Publishers that wait for an answer answer a
    /// pass all at once: without the pause they stay divided, half of them in this pass and half in the next, and each
    /// message costs twice as much (bench/RESULTS.md).
    /// </remarks>
    public async Task ReceiveAsync(ChannelMessageQueue queue)
    {
        while (true)
        {
            ChannelMessage delivery;
            try
            {
                delivery = await queue.ReadAsync();
            }
            catch (ChannelClosedException)
            {
                return;     // unsubscribed
            }
            try
            {
                var began = traits.Time.GetTimestamp();
                var passed = Pass(queue, delivery);
                var took = traits.Time.GetElapsedTime(began);
                traits.Metrics.Passed(passed.Messages, passed.Bytes, took);
                if (passed.WasFull)
                    ShedOverload(queue);
                else if (passed.Messages > 1 && took >= LongPass)
                    await Task.Delay(Pause, traits.Time);
            }
            catch (Exception error)
            {
                // A mistake of ours in one message must not make the name deaf.
                traits.ReportFailure(name, error);
                NoteGap(GapCode.Internal);
            }
        }
    }

    /// <summary>Puts a gap into the log: messages may have been lost here. Called from any thread.</summary>
    public abstract void NoteGap(GapCode code);

    /// <summary>Redis does not allow the name, or no longer: tells all who hold it.</summary>
    public abstract void Refuse(string reason);

    /// <summary>Passes on a delivery and what waits behind it, up to the size of a batch. Called by the loop.</summary>
    protected abstract Passed Pass(ChannelMessageQueue queue, ChannelMessage delivery);

    private void ShedOverload(ChannelMessageQueue queue)
    {
        if (!queue.TryGetCount(out var waiting) || waiting <= MostWaiting)
            return;
        var dropped = 0;
        while (queue.TryRead(out _))
            dropped++;
        traits.ReportOverload(name, dropped);
        NoteGap(GapCode.Overload);
    }

    /// <summary>What a pass has passed on.</summary>
    /// <param name="Messages">How many messages Redis had delivered.</param>
    /// <param name="Bytes">Of their payloads.</param>
    /// <param name="WasFull">Whether there was no room for more, and more may be waiting.</param>
    protected readonly record struct Passed(int Messages, int Bytes, bool WasFull);
}
