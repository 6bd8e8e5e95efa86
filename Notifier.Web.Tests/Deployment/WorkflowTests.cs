using System.Text.RegularExpressions;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Deployment;

/// <summary>The workflow uses only commands and actions that exist. Only GitHub can tell whether the workflow is valid.</summary>
public sealed class WorkflowTests
{
    [Fact]
    public void The_workflow_runs_the_tests_and_builds_the_image_from_existing_files()
    {
        var workflow = Deployed.Yaml("test.yml").Single();
        var steps = workflow["jobs"]!.AsObject().SelectMany(job => job.Value!["steps"]!.AsArray()).ToList();
        var runs = steps.Select(step => (string?)step!["run"] ?? "").ToList();

        runs.Should().Contain("./test.sh").And.Contain("docker build -f deploy/Dockerfile -t notifier .");
        var files = runs.SelectMany(run => Regex.Matches(run, @"deploy/[\w./]+").Select(match => match.Value["deploy/".Length..])).Distinct().ToList();
        files.Should().Contain("compose.yaml").And.OnlyContain(file => File.Exists(Deployed.Path(file)));
        steps.Select(step => (string?)step!["uses"]).OfType<string>().Should().OnlyContain(action => Regex.IsMatch(action, @"^actions/[\w-]+@v\d+$"));
    }
}
