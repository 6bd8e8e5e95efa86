using FluentAssertions;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Connections;

public sealed class StreamTransportTests : IDisposable
{
    private readonly RecordingStream stream = new();
    private readonly StreamTransport transport;

    public StreamTransportTests() => transport = new StreamTransport(stream, socket: null, isShared: false);

    public void Dispose() => stream.Dispose();

    [Fact]
    public async Task An_incomplete_write_makes_the_transport_wait_and_a_large_write_is_split_into_slices()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        stream.Gate = gate.Task;

        transport.TrySend(new byte[100_000]).Should().Be(Transport.Slice);

        transport.IsReady.Should().BeFalse();
        var ready = transport.WhenReadyAsync();
        ready.IsCompleted.Should().BeFalse();
        gate.SetResult();
        await ready;
        transport.IsReady.Should().BeTrue();
        await transport.SendAsync(new byte[150_000]);
        stream.Writes.Select(write => write.Length).Should().Equal(Transport.Slice, Transport.Slice, Transport.Slice, 150_000 - (2 * Transport.Slice));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_transport_whose_stream_throws_discards_later_writes_without_an_exception(bool atOnce)
    {
        stream.Throws = new NotSupportedException("a stream may throw anything");
        stream.ThrowsAtOnce = atOnce;
        var writer = new FrameWriter(transport, PlainText.Format);

        writer.Write(Plain.Encode(new FrameBuffer(), [Message.Create(null, new byte[300_000])]));
        await writer.FinishAsync();

        writer.IsReady.Should().BeTrue();
        transport.TrySend(new byte[100]).Should().Be(100);
        await transport.SendAsync(new byte[100]);
        stream.Writes.Should().HaveCount(1);
    }

    [Fact]
    public async Task A_send_on_a_broken_stream_does_not_throw_and_later_writes_are_discarded()
    {
        stream.Throws = new ObjectDisposedException("the request");
        stream.ThrowsAtOnce = true;

        await transport.SendAsync(new byte[100]);

        transport.IsReady.Should().BeTrue();
        transport.TrySend(new byte[100]).Should().Be(100);
        stream.Writes.Should().HaveCount(1);
    }
}
