using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;

namespace Notifier.Redis.Receiver;

/// <summary>The library reads and writes this stream in place of its subscription connection's socket, which a receiver reads.</summary>
internal sealed class ReceivedStream(RedisSocket socket, ConnectionLifetime lifetime) : Stream, IReceiverSource
{
    private readonly Pipe replies = new(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false));

    private bool hasReplies;

    public ConnectionLifetime Lifetime => lifetime;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await replies.Reader.ReadAsync(cancellationToken);
        var count = (int)Math.Min(read.Buffer.Length, buffer.Length);
        var taken = read.Buffer.Slice(0, count);
        foreach (var segment in taken)
        {
            segment.CopyTo(buffer);
            buffer = buffer[segment.Length..];
        }
        replies.Reader.AdvanceTo(taken.End);
        return count;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        socket.Write(buffer.Span);
        return default;
    }

    public override void Write(byte[] buffer, int offset, int count) => socket.Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            lifetime.End();
            socket.Close();
        }
        base.Dispose(disposing);
    }

    int IReceiverSource.Receive(Span<byte> room) => socket.Receive(room);

    void IReceiverSource.WaitFor(int bytes, TimeSpan time) => socket.WaitFor(bytes, time);

    int IReceiverSource.Poll(Span<byte> room) => socket.Poll(room);

    bool IReceiverSource.Forward(ReadOnlySpan<byte> frames)
    {
        if (!frames.IsEmpty)
        {
            replies.Writer.Write(frames);
            hasReplies = true;
        }
        return true;
    }

    void IReceiverSource.EndBatch()
    {
        if (!hasReplies)
            return;
        hasReplies = false;
        var flush = replies.Writer.FlushAsync();
        Debug.Assert(flush.IsCompleted, "without a threshold it never waits");
        flush.GetAwaiter().GetResult();
    }

    void IReceiverSource.Close(Exception? error)
    {
        replies.Writer.Complete(error);
        socket.Dispose();
    }

    // ---- not supported -----------------------------------------------------------------------------------------------

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
