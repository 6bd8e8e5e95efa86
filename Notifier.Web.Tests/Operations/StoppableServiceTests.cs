using FluentAssertions;
using Notifier.Configuration;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>What the host sees of a background service that is cancelled or fails.</summary>
public sealed class StoppableServiceTests
{
    /// <summary>
    /// An address was in use, so the start failed, and the host cancelled services that had not begun. The log then had a critical line for each, below the one
    /// that named the address.
    /// </summary>
    [Fact]
    public async Task A_service_that_is_cancelled_before_it_begins_ends_without_an_error()
    {
        using var service = new TestService(Never.AnswersAsync);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        await service.StartAsync(cancelled.Token);

        await service.Invoking(static it => it.ExecuteTask!).Should().NotThrowAsync();
    }

    [Fact]
    public async Task A_service_that_is_cancelled_while_it_waits_ends_without_an_error()
    {
        using var service = new TestService(Never.AnswersAsync);
        await service.StartAsync(CancellationToken.None);

        await service.StopAsync(CancellationToken.None);

        await service.Invoking(static it => it.ExecuteTask!).Should().NotThrowAsync();
    }

    [Fact]
    public async Task The_host_sees_the_error_of_a_service_that_fails()
    {
        using var service = new TestService(static _ => throw new InvalidOperationException("a bug"));
        await service.StartAsync(CancellationToken.None);

        await service.Invoking(static it => it.ExecuteTask!).Should().ThrowAsync<InvalidOperationException>().WithMessage("a bug");
    }

    private sealed class TestService(Func<CancellationToken, Task> execute) : StoppableService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) => execute(stoppingToken);
    }
}
