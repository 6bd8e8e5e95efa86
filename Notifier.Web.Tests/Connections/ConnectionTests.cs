using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Connections;

/// <summary>The connection's state: requests while another thread owns the connection, and the state after the close.</summary>
public sealed class ConnectionTests
{
    private static readonly byte[] Hello = [0x81, 5, .. "hello"u8];
    private static readonly byte[] Ping = [0x89, 0];
    private static readonly CloseReason Bye = CloseReason.Malformed("bye");

    private readonly ScriptedTransport transport = new();
    private readonly Connection connection;
    private int aborts;

    public ConnectionTests() => connection = new Connection(transport, PlainText.Format, () => aborts++, TimeProvider.System, NullLogger.Instance);

    [Fact]
    public void A_connection_is_acquired_by_only_one_owner_at_a_time()
    {
        connection.TryAcquire().Should().BeTrue();
        connection.TryAcquire().Should().BeFalse();

        connection.Release();

        connection.TryAcquire().Should().BeTrue();
    }

    [Fact]
    public void Work_requested_while_a_connection_is_acquired_is_done_on_release()
    {
        var ran = 0;
        connection.TryAcquire();
        connection.SendPing();
        connection.SendPong([0x8A, 1, 1]);
        connection.SendPong([0x8A, 1, 2]);
        connection.Post(() => ran++);
        transport.Taken.Should().BeEmpty();

        connection.Release();

        transport.Taken.Should().Equal([0x8A, 1, 2, .. Ping], "the newer pong replaces the older one");
        ran.Should().Be(1);
        connection.TryAcquire().Should().BeTrue();
    }

    [Fact]
    public void A_requested_close_replaces_pending_pings_and_pongs_and_nothing_follows_it()
    {
        connection.TryAcquire();
        connection.Write(new FrameBatch(Hello, 1));
        connection.SendPing();
        connection.SendPong([0x8A, 0]);
        var closed = connection.CloseAsync(Bye);

        connection.Release();
        connection.SendPing();
        connection.TryAcquire();
        connection.Write(new FrameBatch(Hello, 1)).Should().Be(1, "no frame is left to send again");
        connection.Release();

        transport.Taken.Should().Equal([.. Hello, .. Bye.ToFrame()]);
        closed.IsCompletedSuccessfully.Should().BeTrue();
    }

    [Fact]
    public async Task A_close_is_sent_after_the_end_of_a_started_frame_without_blocking_its_caller()
    {
        var sending = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        transport.Takes = _ => 3;
        transport.Sends = () => sending.Task;
        connection.TryAcquire();
        connection.Write(new FrameBatch(Hello, 1));
        connection.Release();

        var closed = connection.CloseAsync(Bye);
        closed.IsCompleted.Should().BeFalse();
        transport.Takes = length => length;
        sending.SetResult();
        await closed.WaitAsync(Eventually.Limit);

        transport.Taken.Should().Equal([.. Hello, .. Bye.ToFrame()]);
    }

    [Fact]
    public async Task A_partly_written_close_completes_only_when_the_transport_has_sent_all_of_it()
    {
        var sending = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        transport.Takes = _ => 1;
        transport.Sends = () => sending.Task;

        var closed = connection.CloseAsync(Bye);

        closed.IsCompleted.Should().BeFalse();
        connection.SendPing();
        sending.SetResult();
        await closed.WaitAsync(Eventually.Limit);
        transport.Taken.Should().Equal(Bye.ToFrame());
    }

    [Fact]
    public void The_first_requested_close_decides_the_reason()
    {
        connection.CloseAsync(Bye);
        connection.CloseAsync(CloseReason.Internal).IsCompletedSuccessfully.Should().BeTrue();

        connection.CloseRequested.Should().Be(Bye);
        transport.Taken.Should().Equal(Bye.ToFrame());
    }

    [Fact]
    public async Task Retiring_aborts_a_waiting_write_and_completes_after_that_write_has_ended()
    {
        var sending = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        transport.Takes = _ => 0;
        transport.Sends = () => sending.Task;
        connection.TryAcquire();
        connection.Write(new FrameBatch(Hello, 1));
        connection.Release();

        var retired = connection.RetireAsync();

        aborts.Should().Be(1);
        retired.IsCompleted.Should().BeFalse();
        transport.IsBroken = true;
        sending.SetResult();
        await retired.WaitAsync(Eventually.Limit);
    }

    [Fact]
    public async Task A_retired_connection_ignores_later_work_without_waiting_or_aborting_again()
    {
        await connection.RetireAsync();
        aborts.Should().Be(1, "the client was aborted, not closed");
        var ran = false;

        connection.TryAcquire().Should().BeFalse();
        connection.CatchUp();
        connection.Post(() => ran = true);
        connection.SendPing();
        connection.Abort();
        await connection.CloseAsync(Bye).WaitAsync(Eventually.Limit);

        ran.Should().BeFalse();
        aborts.Should().Be(1);
        transport.Taken.Should().BeEmpty();
    }

    [Fact]
    public async Task A_cleanly_closed_connection_is_not_aborted_when_it_retires()
    {
        await connection.CloseAsync(Bye);
        await connection.RetireAsync();

        aborts.Should().Be(0);
    }
}
