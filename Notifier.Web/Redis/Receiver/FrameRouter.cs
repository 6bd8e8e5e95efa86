using System.Runtime.CompilerServices;
using System.Text;
using Notifier.Messages;

namespace Notifier.Redis.Receiver;

/// <summary>
/// The first step after a read: routes each frame. Messages go to the sinks of their names, confirmations to their names, and all other bytes to the
/// library. Used by the thread that reads.
/// </summary>
internal sealed partial class FrameRouter(
    SubscribedNames names, RedisNames redisNames, ConnectionLifetime lifetime, IReceiverSource source, ReceiveBuffer buffer, BroadcastQueue broadcasts,
    AnswerPause pause, ILogger logger)
{
    /// <summary>Why the connection cannot be read any more.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>The first failure counts.</summary>
    public void Fail(Exception error) => Failure ??= error;

    /// <summary>Routes all whole frames in the buffer.</summary>
    /// <returns>False when another thread reads.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]      // a flood may come right after the start
    public bool Route(ReaderThread reader)
    {
        SubscribedName? name = null;        // the name of the run
        SubscribedName? latest = null;
        var count = 0;
        var dropped = 0;        // messages dropped before the run
        var routed = buffer.From;      // all bytes before this place are routed; another thread would continue here
        var at = routed;
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
                // Deliver first: the library may close the connection when it receives its bytes, and another connection may confirm the name then.
                if (count + dropped > 0 && (latest != name || count == ReaderThread.LongestRun || routed < start))
                {
                    buffer.From = routed;
                    if (!Deliver(reader, name!, reader.Messages.AsSpan(0, count), dropped))
                        return false;
                    count = dropped = 0;
                }
                ForwardToLibrary(routed, start);
                routed = at;
                if (latest.SinkFor(lifetime) is not { } sink)
                    continue;
                name = latest;
                pause.OnReceived(frame.Length);
                if (count == 0 && sink.IsDropping)
                    dropped++;
                else if (TryMake(frame, out var message))
                    reader.Messages[count++] = message;
                continue;
            }
            latest = null;
            if (names.Find(frame.IsPattern, frame.Name) is not { } confirmed)
                continue;
            buffer.From = routed;
            if (count + dropped > 0 && !Deliver(reader, name!, reader.Messages.AsSpan(0, count), dropped))
                return false;
            count = dropped = 0;
            ForwardToLibrary(routed, start);
            routed = buffer.From = start;
            // The library gets the confirmation afterwards, so that the caller who awaits it finds the name confirmed.
            if (!Confirm(reader, confirmed, frame.Kind))
                return false;
        }
        buffer.From = routed;
        if (count + dropped > 0 && !Deliver(reader, name!, reader.Messages.AsSpan(0, count), dropped))
            return false;
        ForwardToLibrary(routed, at);
        buffer.From = at;
        Forward(default);          // tells the library that the connection is alive: it does not get the messages
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
            Fail(error);
            frame = default;
            return false;
        }
    }

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
                Fail(new IOException("The library has closed the connection."));
        }
        catch (Exception error)
        {
            Fail(error);      // received messages are delivered nevertheless
        }
    }

    /// <summary>Creates a message from the frame. False when browsers must not receive it.</summary>
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

    private bool Deliver(ReaderThread reader, SubscribedName name, Span<Message> messages, int dropped)
    {
        reader.Enter();
        try
        {
            name.Deliver(lifetime, messages, dropped, reader.Due);
        }
        catch (Exception error)
        {
            // A bug in Notifier that one message triggers must not stop the messages of this name or of others.
            OnFailed(reader, name, error);
        }
        messages.Clear();
        return broadcasts.TryEndDelivery(reader);
    }

    private bool Confirm(ReaderThread reader, SubscribedName name, RespKind kind)
    {
        reader.Enter();
        try
        {
            if (kind == RespKind.Subscribed)
                name.Confirm(lifetime, reader.Due);
            else
                name.Unconfirm(lifetime);
        }
        catch (Exception error)
        {
            // A bug in Notifier must not stop the messages of all names.
            Log.Failed(logger, error);
        }
        return broadcasts.TryEndDelivery(reader);
    }

    private void OnFailed(ReaderThread reader, SubscribedName name, Exception error)
    {
        try
        {
            Log.NotDelivered(logger, Encoding.UTF8.GetString(name.Bytes), error);
            name.OnGap(lifetime, GapCode.Internal, reader.Due);
        }
        catch (Exception another)
        {
            // The logger, or the sink again: the thread must go on reading.
            Log.Failed(logger, another);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "Messages for {Name} could not be delivered; some may be lost.")]
        public static partial void NotDelivered(ILogger logger, string name, Exception error);

        [LoggerMessage(2, LogLevel.Error, "Reading from Redis failed because of a bug in Notifier; it continues.")]
        public static partial void Failed(ILogger logger, Exception error);
    }
}
