using System.Collections.Concurrent;
using System.IO.Pipelines;

namespace Notifier.Tests.Support;

/// <summary>Replaces a server's transport: records each write, and reads the bytes that the test sends as a client.</summary>
internal sealed class RecordingStream : Stream
{
    private readonly Pipe fromClient = new(new PipeOptions(pauseWriterThreshold: 0));
    private readonly ConcurrentQueue<string> calls = [];

    /// <summary>The names of all calls that wrote or flushed, in order.</summary>
    public IReadOnlyCollection<string> Calls => calls;

    /// <summary>The bytes of each WriteAsync.</summary>
    public ConcurrentQueue<byte[]> Writes { get; } = [];

    /// <summary>The task that a write waits for. Completed by default.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    /// <summary>The largest number of bytes that one read returns.</summary>
    public int ReadsAtMost { get; set; } = int.MaxValue;

    /// <summary>The error with which a write fails.</summary>
    public Exception? Throws { get; set; }

    /// <summary>Whether the write fails before it returns a task.</summary>
    public bool ThrowsAtOnce { get; set; }

    /// <summary>Sends bytes of a client, masked with zeros so that the payload stays readable.</summary>
    public async Task ClientSendsAsync(params byte[] frame) => await fromClient.Writer.WriteAsync(frame);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        fromClient.Reader.AsStream().ReadAsync(buffer.Length > ReadsAtMost ? buffer[..ReadsAtMost] : buffer, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        calls.Enqueue(nameof(WriteAsync));
        Writes.Enqueue(buffer.ToArray());
        if (Throws is null)
            return new ValueTask(Gate);
        return ThrowsAtOnce ? throw Throws : ValueTask.FromException(Throws);
    }

    public override Task FlushAsync(CancellationToken cancellationToken)
    {
        calls.Enqueue(nameof(FlushAsync));
        return Task.CompletedTask;
    }

    public override void Flush() => calls.Enqueue(nameof(Flush));

    public override void Write(byte[] buffer, int offset, int count) => calls.Enqueue(nameof(Write));

    public override void Write(ReadOnlySpan<byte> buffer) => calls.Enqueue(nameof(Write));

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

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
