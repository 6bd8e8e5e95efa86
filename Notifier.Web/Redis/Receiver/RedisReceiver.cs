using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Notifier.Messages;

namespace Notifier.Redis.Receiver;

/// <summary>
/// Reads one subscription connection: takes messages out, gives every other byte to the library, and delivers. One thread waits for bytes, appends
/// all messages of a read to the logs of their names, and then broadcasts them. Other threads step in only to help with a large broadcast, or to
/// relieve a stuck one.
/// </summary>
/// <remarks>
/// <para>While it broadcasts to many, it goes on reading now and then: Redis drops a subscriber whose output buffer is full.</para>
/// <para>The thread that reads is on a <see cref="ReceiverShift"/>. When a delivery is stuck, in code that should never wait, another thread begins the next
/// shift: one mistake must not make the node deaf. The thread that was relieved ends its own delivery, if ever, and nothing else.</para>
/// </remarks>
internal sealed partial class RedisReceiver : IDisposable
{
    /// <summary>In a flood so much is read before it is sent.</summary>
    private const int MaxTakenAtOnce = 4 * 1024 * 1024;

    /// <summary>While so many threads are stuck, it is no use to try with one more.</summary>
    private const int MaxStuck = 16;

    /// <summary>
    /// How long a delivery may make no progress. It takes microseconds, but its thread may have to wait for a processor, and a delivery that is wrongly
    /// taken for a stuck one costs its name messages.
    /// </summary>
    public static readonly TimeSpan StuckAfter = TimeSpan.FromSeconds(2);

    private readonly SubscribedNames names;
    private readonly RedisNames redisNames;
    private readonly DeliveryHelpers helpers;
    private readonly ConnectionLifetime connection;
    private readonly IReceiverSource source;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly ReceiveBuffer buffer = new();
    private ITimer? watchdog;
    private ReceiverShift shift;
    private int stuck;

    // ---- of the thread that is on shift, but while it delivers ----------------------------------------------------------

    private AnswerPause pause;

    /// <summary>What is being broadcast.</summary>
    private BroadcastRound round = new();

    /// <summary>To be broadcast in the next round.</summary>
    private readonly List<IBroadcast> ready = [];

    /// <summary>Why it reads no more.</summary>
    private Exception? failure;

    // ------------------------------------------------------------------------------------------------------------------

    public RedisReceiver(
        SubscribedNames names, RedisNames prefix, DeliveryHelpers helpers, ConnectionLifetime connection, IReceiverSource source, TimeProvider time,
        ILogger logger)
    {
        this.helpers = helpers;
        this.names = names;
        this.redisNames = prefix;
        this.connection = connection;
        this.source = source;
        this.time = time;
        this.logger = logger;
        pause = new(time);
        shift = new ReceiverShift(ReadDuringBroadcast);
    }

    public void Start()
    {
        watchdog = time.CreateTimer(static self => ((RedisReceiver)self!).Watch(), this, StuckAfter / 2, StuckAfter / 2);
        Begin(shift);
    }

    public void Dispose() => watchdog?.Dispose();

    private void Begin(ReceiverShift begins) =>
        new Thread(() => Run(begins), maxStackSize: 512 * 1024) { IsBackground = true, Name = "Redis messages" }.Start();

    private void Run(ReceiverShift mine)
    {
        try
        {
            if (!Read(mine))
                return;
        }
        catch (Exception error)
        {
            if (mine.IsRelieved)
                return;     // the connection is not this thread's any more
            failure ??= error;
        }
        finally
        {
            if (mine.IsRelieved)
                Interlocked.Decrement(ref stuck);
        }
        // What has come is for those who subscribed, however the connection ended.
        while (!round.IsOver || ready.Count > 0)
        {
            if (!Broadcast(mine))
                return;
        }
        if (failure is InvalidDataException)
            Log.Malformed(logger, failure.Message);
        connection.End();
        Dispose();
        source.Close(failure is SocketException or IOException or ObjectDisposedException ? null : failure);
    }

    /// <returns>False when another thread is on shift.</returns>
    private bool Read(ReceiverShift mine)
    {
        if (!buffer.IsEmpty && !Parse(mine))     // what the shift before has left
            return false;
        while (true)
        {
            if (!Broadcast(mine))
                return false;
            if (failure is not null)
                return true;
            if (ready.Count == 0 && pause.TryBegin(out var awaited))
                source.WaitFor(awaited, AnswerPause.Longest);
            var room = buffer.MakeRoom();
            var read = ready.Count > 0 ? source.Poll(room) : source.Receive(room);
            if (read <= 0 && ready.Count == 0)
                return true;
            if (!TakeAll(mine, read, room.Length))
                return false;
        }
    }

    /// <summary>
    /// Parses what was read, and goes on as long as there is more: in a flood that is first brought home, and sent then. Redis gives up a reader that
    /// lags behind.
    /// </summary>
    private bool TakeAll(ReceiverShift mine, int read, int room)
    {
        for (var taken = 0; read > 0; taken += read)
        {
            buffer.Add(read);
            if (!Parse(mine))
                return false;
            if (read < room || taken > MaxTakenAtOnce || failure is not null)
                break;
            var next = buffer.MakeRoom();
            (read, room) = (source.Poll(next), next.Length);
        }
        return true;
    }

    // ---- the first step: append --------------------------------------------------------------------------------------

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]      // a flood may come right after the start
    private bool Parse(ReceiverShift mine)
    {
        SubscribedName? name = null;        // whose messages are in the run
        SubscribedName? latest = null;
        var count = 0;
        var dropped = 0;        // messages dropped before the run
        var passed = buffer.From;      // before that, all was taken or given to the library: another thread would go on here
        var at = passed;
        while (TryReadFrame(at, out var frame))
        {
            var start = at;
            at += frame.Length;
            if (frame.Kind == RespKind.Other)
                continue;
            if (frame.Kind is RespKind.Message or RespKind.PatternMessage)
            {
                if (latest is null || latest.IsPattern != frame.IsPattern || !frame.Name.SequenceEqual(latest.Bytes))
                    latest = names.Find(frame.IsPattern, frame.Name);
                if (latest is null)
                    continue;
                // Deliver first: passing bytes to the library may end the connection, and another one may own the name then.
                if (count + dropped > 0 && (latest != name || count == ReceiverShift.LongestRun || passed < start))
                {
                    buffer.From = passed;
                    if (!Deliver(mine, name!, mine.Messages.AsSpan(0, count), dropped))
                        return false;
                    count = dropped = 0;
                }
                ForwardToLibrary(passed, start);
                passed = at;
                if (latest.SinkFor(connection) is not { } sink)
                    continue;
                name = latest;
                pause.OnReceived(frame.Length);
                if (count == 0 && sink.IsDropping)
                    dropped++;
                else if (TryMake(frame, out var message))
                    mine.Messages[count++] = message;
                continue;
            }
            latest = null;
            if (names.Find(frame.IsPattern, frame.Name) is not { } confirmed)
                continue;
            buffer.From = passed;
            if (count + dropped > 0 && !Deliver(mine, name!, mine.Messages.AsSpan(0, count), dropped))
                return false;
            count = dropped = 0;
            ForwardToLibrary(passed, start);
            passed = buffer.From = start;
            // The library gets the confirmation after that: its caller that awaits it finds the name confirmed.
            if (!Confirm(mine, confirmed, frame.Kind))
                return false;
        }
        buffer.From = passed;
        if (count + dropped > 0 && !Deliver(mine, name!, mine.Messages.AsSpan(0, count), dropped))
            return false;
        ForwardToLibrary(passed, at);
        buffer.From = at;
        Forward(default);          // what was taken out is a sign of life, too
        source.EndBatch();
        return true;
    }

    private bool TryReadFrame(int at, out RespFrame frame)
    {
        try
        {
            return RespFrame.TryRead(buffer.After(at), out frame);
        }
        catch (InvalidDataException error)
        {
            failure ??= error;
            frame = default;
            return false;
        }
    }

    /// <summary>Gives the library what is its own.</summary>
    private void ForwardToLibrary(int start, int stop)
    {
        if (start < stop)
            Forward(buffer.Between(start, stop));
    }

    private void Forward(ReadOnlySpan<byte> frames)
    {
        try
        {
            if (!source.Forward(frames))
                failure ??= new IOException("The library has given up the connection.");
        }
        catch (Exception error)
        {
            failure ??= error;      // what was read is delivered all the same
        }
    }

    /// <summary>A message of it; false when it must not reach anybody.</summary>
    private bool TryMake(in RespFrame frame, out Message message)
    {
        byte[]? channel = null;
        if (frame.IsPattern)
        {
            channel = redisNames.FromRedis(frame.Channel.ToArray());
            if (channel is null)
            {
                message = default;
                return false;
            }
        }
        message = Message.Create(channel, frame.Payload.ToArray());
        return true;
    }

    private bool Deliver(ReceiverShift mine, SubscribedName name, Span<Message> messages, int dropped)
    {
        mine.Enter();
        try
        {
            name.Deliver(connection, messages, dropped, mine.Due);
        }
        catch (Exception error)
        {
            // A mistake of ours in one message must not make the name deaf, nor the others.
            OnFailed(mine, name, error);
        }
        messages.Clear();
        return TryLeave(mine);
    }

    private bool Confirm(ReceiverShift mine, SubscribedName name, RespKind kind)
    {
        mine.Enter();
        try
        {
            if (kind == RespKind.Subscribed)
                name.Confirm(connection, mine.Due);
            else
                name.Unconfirm(connection);
        }
        catch (Exception error)
        {
            Log.Failed(logger, error);
        }
        return TryLeave(mine);
    }

    private void OnFailed(ReceiverShift mine, SubscribedName name, Exception error)
    {
        try
        {
            Log.NotDelivered(logger, System.Text.Encoding.UTF8.GetString(name.Bytes), error);
            name.OnGap(connection, GapCode.Internal, mine.Due);
        }
        catch (Exception another)
        {
            Log.Failed(logger, another);
        }
    }

    /// <summary>A delivery has ended. If it had been stuck, what it has left to be broadcast is this thread's.</summary>
    private bool TryLeave(ReceiverShift mine)
    {
        if (mine.TryLeave())
        {
            ready.AddRange(mine.Due);
            mine.Due.Clear();
            return true;
        }
        foreach (var left in mine.Due)
            left.Drain();
        return false;
    }

    // ---- the second step: broadcast ----------------------------------------------------------------------------------

    /// <returns>False when another thread is on shift.</returns>
    private bool Broadcast(ReceiverShift mine)
    {
        if (round.IsOver && ready.Count > 0)
        {
            if (round.IsShared)
                round = new();
            round.Fill(ready);
            round.Share(helpers);
        }
        while (round.TryTake(out var broadcast))
        {
            mine.Enter();
            var done = broadcast.Broadcast(mine.OnSent);
            if (!mine.TryLeave())
            {
                if (done.HasMore)
                    broadcast.Drain();
                return false;
            }
            if (done.HasMore)
                ready.Add(broadcast);
            pause.OnBroadcast(done);
        }
        return true;
    }

    /// <summary>In the middle of a broadcast: takes what Redis has sent meanwhile.</summary>
    private void ReadDuringBroadcast(ReceiverShift mine)
    {
        if (!mine.TryLeave())
            return;     // another thread reads
        try
        {
            var room = buffer.MakeRoom();
            if (failure is null && !TakeAll(mine, source.Poll(room), room.Length))
                return;
        }
        catch (Exception error)
        {
            failure ??= error;      // told once the broadcast is done, which did nothing wrong
        }
        mine.Enter();
    }

    // ---- watching ----------------------------------------------------------------------------------------------------

    private void Watch()
    {
        var watched = Volatile.Read(ref shift);
        if (!watched.IsStuck() || Volatile.Read(ref stuck) >= MaxStuck)
            return;
        var relief = new ReceiverShift(ReadDuringBroadcast);
        Interlocked.Increment(ref stuck);
        if (!watched.TryRelieve())
        {
            Interlocked.Decrement(ref stuck);
            return;
        }
        Volatile.Write(ref shift, relief);
        Begin(relief);
        try
        {
            Log.Stuck(logger);      // which may block as well: perhaps that is what the other thread is stuck in
        }
        catch (Exception)
        {
            // A logger is others' code, and this thread the timer's.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "Messages for {Name} could not be delivered; some may be lost.")]
        public static partial void NotDelivered(ILogger logger, string name, Exception error);

        [LoggerMessage(LogLevel.Error, "A mistake of Notifier's own while it read from Redis; it goes on.")]
        public static partial void Failed(ILogger logger, Exception error);

        [LoggerMessage(LogLevel.Error, "{Error} The connection is closed and opened again.")]
        public static partial void Malformed(ILogger logger, string error);

        [LoggerMessage(LogLevel.Critical, "A delivery is stuck: its name delivers nothing until it ends; another thread goes on reading. This is a mistake of Notifier's own; please report it.")]
        public static partial void Stuck(ILogger logger);
    }
}
