using Notifier.Messages;
using Notifier.Redis;

namespace Notifier.Hub;

/// <summary>
/// A name in Redis for as long as the hub wants it, and the intake for what Redis delivers: asked for until Redis confirms
/// or refuses it, and asked for anew when Redis has come back without it. Thread-safe.
/// </summary>
internal sealed class Reception
{
    private readonly Lock gate = new();
    private readonly Func<Task, RedisSubscription> ask;
    private readonly Action<Reception, string> refused;
    private RedisSubscription redis;
    private bool hasLeft;

    /// <param name="intake">Where deliveries go.</param>
    /// <param name="ask">Asks Redis for the name, after the given task.</param>
    /// <param name="predecessor">Ends when an earlier reception of the same name has left Redis.</param>
    /// <param name="refused">Called, from any thread, when Redis refuses the name, now or later.</param>
    public Reception(Intake intake, Func<Task, RedisSubscription> ask, Task predecessor, Action<Reception, string> refused)
    {
        Intake = intake;
        this.ask = ask;
        this.refused = refused;
        redis = ask(predecessor);
        _ = RefuseIfRedisDoesAsync(redis);
    }

    public Intake Intake { get; }

    /// <summary>Whether Redis has the name on the present connection.</summary>
    public bool IsConfirmed => Volatile.Read(ref redis).IsConfirmed;

    /// <summary>Completes when Redis has confirmed the name, with null, or with the reason when it refuses it.</summary>
    public Task<string?> Live => Volatile.Read(ref redis).Live;

    /// <summary>Whether Redis has confirmed the name; it may be away now.</summary>
    public bool IsLive => Live is { IsCompletedSuccessfully: true, Result: null };

    /// <summary>The reason, when Redis has refused the name.</summary>
    public string? Refusal => Live is { IsCompletedSuccessfully: true, Result: { } reason } ? reason : null;

    /// <summary>Leaves Redis for good. The task ends when that is done.</summary>
    public Task Leave()
    {
        lock (gate)
        {
            hasLeft = true;
            redis.Leave();
            return redis.Gone;
        }
    }

    /// <summary>Redis was away and is back: messages may have been lost, and the name too (its ACL may be another now).</summary>
    public void NoteReturn()
    {
        Volatile.Read(ref redis).HasMoved();
        Intake.NoteGap(GapCode.Redis);
        if (!IsConfirmed)
            _ = AskAgainAsync();
    }

    /// <summary>Notices what nobody tells of. Called by one sweep.</summary>
    public void Look()
    {
        // It was confirmed in the moment in which its connection was replaced: whoever told of that did not know of it.
        if (Volatile.Read(ref redis).IsStranded)
            NoteReturn();
        else if (Volatile.Read(ref redis).HasMoved())
            Intake.NoteGap(GapCode.Redis);
    }

    private async Task AskAgainAsync()
    {
        RedisSubscription again;
        lock (gate)
        {
            if (hasLeft || redis.IsConfirmed)
                return;
            redis.Leave();
            Volatile.Write(ref redis, again = ask(redis.Gone));
        }
        await RefuseIfRedisDoesAsync(again);
        if (again.IsConfirmed)
            Intake.NoteGap(GapCode.Redis);
    }

    private async Task RefuseIfRedisDoesAsync(RedisSubscription asked)
    {
        try
        {
            // Never in the thread, and under the lock, of whoever opened it.
            if (await asked.Live.ConfigureAwait(ConfigureAwaitOptions.ForceYielding) is { } reason && asked == Volatile.Read(ref redis))
                refused(this, reason);
        }
        catch (OperationCanceledException)
        {
            // The process ends.
        }
    }
}
