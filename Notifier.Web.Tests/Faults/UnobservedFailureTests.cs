using System.Net;
using FluentAssertions;
using Notifier.Redis.Receiver;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Faults;

/// <summary>A task of Notifier that fails is observed: awaited, or caught and logged. These tests run last, so that they see the failures of the whole run.</summary>
[Collection(RunsLast.Name)]
public sealed class UnobservedFailureTests
{
    [Fact]
    public void No_task_of_notifier_failed_unobserved_in_any_test_of_this_run() =>
        UnobservedFailures.All().Where(UnobservedFailures.IsNotifiers).Should().BeEmpty("Notifier awaits its tasks, or catches what they throw");

    [Fact]
    public async Task A_failure_belongs_to_notifier_if_its_code_and_no_test_code_was_running()
    {
        (await FailureAsync(ConnectAsync())).Should().Match<Exception>(static failure => UnobservedFailures.IsNotifiers(failure));
        (await FailureAsync(AwaitAsync(ConnectAsync()))).Should().Match<Exception>(static failure => !UnobservedFailures.IsNotifiers(failure));
        (await FailureAsync(Task.FromException(new IOException("thrown by a library")))).Should().Match<Exception>(static failure => !UnobservedFailures.IsNotifiers(failure));

        static Task ConnectAsync() => RedisSocket.ConnectAsync(
            new IPEndPoint(IPAddress.Loopback, FreePort.Next()), TimeSpan.FromSeconds(5), static _ => { }, static _ => null);

        static async Task AwaitAsync(Task task) => await task;

        // The exception as the runtime would report it. Awaiting the task itself would add this method to the stack.
        static async Task<Exception> FailureAsync(Task task)
        {
            await Task.WhenAny(task).WaitAsync(Eventually.Limit);
            return task.Exception!;
        }
    }
}
